// SPDX-License-Identifier: Apache-2.0
// The fields of a JSON object from outside, each taken with its type and bounds. The first thing that is wrong is kept
// and told by done(); until then every getter answers with its default.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::api {

// An integer, however it is written: some languages have one kind of number, and send 128 as 128.0 or 1.28e2. Beyond 2^53
// only without a point, for doubles do not tell whole numbers apart there.
[[nodiscard]] bool is_whole(const nlohmann::json& value);

// An array of at most `most` numbers that could be tokens of some vocabulary; possibly empty.
[[nodiscard]] bool are_token_ids(const nlohmann::json& list, std::size_t most);

class Fields {
 public:
  // An object in valid UTF-8, nested at most 32 deep, no key twice. Otherwise ErrorKind::malformed. Escapes of half a
  // character (a lone surrogate) are read as U+FFFD.
  [[nodiscard]] static Result<Fields> parse(std::string_view text);

  // null counts as absent: clients send it for what they leave to us.
  [[nodiscard]] bool has(const char* name) const;
  // The field as it is; null where it is absent.
  [[nodiscard]] const nlohmann::json& get(const char* name) const;

  std::string text(const char* name);           // empty where absent
  std::string required_text(const char* name);  // may be empty, must be there
  std::int64_t whole(const char* name, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  double number(const char* name, double otherwise, double least, double most);
  bool flag(const char* name, bool otherwise);
  // One text or an array of at most `most`, none longer than 1024 bytes, together at most 16 KiB. Empty ones are left out:
  // clients send them for none.
  std::vector<std::string> texts(const char* name, std::size_t most);

  // The object of that name, empty where it is absent. Ask absorb() when it has been read.
  Fields nested(const char* name);
  void absorb(const Fields& inner);

  void refuse(std::string what);
  [[nodiscard]] Result<void> done() const;

 private:
  nlohmann::json object_;
  std::optional<Error> error_;
};

}  // namespace blindbox::api
