// SPDX-License-Identifier: Apache-2.0
// What the commands about models share: where a model is, and its bytes.
#pragma once

#include <optional>
#include <string>

#include "blindbox/completion/gguf.h"
#include "blindbox/model/store.h"
#include "command.h"

namespace blindbox::apps {

struct LocatedModel {
  std::string path;
  std::optional<model::Manifest> manifest;  // where it was named, not a file
};
// A file where the text has a slash, ends in ".gguf" or is one; else a name of the user's store.
[[nodiscard]] Result<LocatedModel> locate_model(const std::string& file_or_name);

// A GGUF file that stays where it is, and its header, checked.
class OpenModel {
 public:
  [[nodiscard]] static Result<OpenModel> open(const std::string& path);
  OpenModel(OpenModel&& other) noexcept;
  OpenModel& operator=(OpenModel&&) = delete;
  OpenModel(const OpenModel&) = delete;
  OpenModel& operator=(const OpenModel&) = delete;
  ~OpenModel();
  [[nodiscard]] ByteView bytes() const { return bytes_; }
  [[nodiscard]] const completion::Gguf& gguf() const { return gguf_; }
  [[nodiscard]] std::uint64_t parameters() const;

 private:
  OpenModel() = default;
  ByteView bytes_;
  completion::Gguf gguf_;
};

// "1.1 B", "86 M": about.
[[nodiscard]] std::string about(std::uint64_t count);
// "1.2 GB".
[[nodiscard]] std::string about_bytes(std::uint64_t bytes);

// The parts of "blindbox model" that make files.
void add_model_makers(CLI::App& command, Action& action);

}  // namespace blindbox::apps
