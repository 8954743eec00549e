// SPDX-License-Identifier: Apache-2.0
// Every path that is answered. docs/openapi.json describes the same ones, which a test compares.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "blindbox/api/errors.h"
#include "blindbox/api/pages.h"
#include "blindbox/api/protocols.h"

namespace blindbox::api {

struct Route {
  // below: at the end, behind anything but nothing.
  enum class Match { exact, end, below, beginning };
  std::string_view method;
  std::string_view path;
  Parse parse = nullptr;  // one of the two
  Page page = nullptr;
  const char* protocol = "";  // for counters and logs
  Shape shape = Shape::openai;
  bool open = false;  // needs no API key
  Match match = Match::exact;
  bool counted = false;  // of a page: a request like those for tokens, to the limits of a key
};

[[nodiscard]] std::span<const Route> routes();

struct Found {
  const Route* route = nullptr;  // null: the path is unknown, or takes other methods
  std::string allowed;           // the methods that the path takes, "" where it is unknown
};
// target may have a query, which is ignored, and slashes too many. HEAD is taken for GET.
[[nodiscard]] Found find_route(std::string_view method, std::string_view target);

// Why there is nothing at a path that servers of the same protocols have; nullopt where it is none of theirs.
[[nodiscard]] std::optional<Error> not_offered(std::string_view target);

// In which shape errors at this path are told, known or not.
[[nodiscard]] Shape shape_of(std::string_view target);

}  // namespace blindbox::api
