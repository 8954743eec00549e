// SPDX-License-Identifier: Apache-2.0
// A folder of Hugging Face files becomes a GGUF file.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/model/encoder.h"

namespace blindbox::model {

struct ImportOptions {
  std::string folder;
  std::string output;  // the file; it appears whole or not at all
  std::string name;    // general.name
  // Bytes of weights written so far, and of all.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
  std::stop_token stop{};
};

struct Imported {
  std::string architecture;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  base::Sha256 sha256{};
  std::vector<std::string> notes;  // what a person may want to know
};

// Memory holds a few rows of a tensor at a time (all of it where its layers are kept transposed). ErrorKind::cancelled
// once stop is asked for; every error leaves nothing behind.
[[nodiscard]] Result<Imported> import_model(const ImportOptions& options, const Encoder& encoder);

}  // namespace blindbox::model
