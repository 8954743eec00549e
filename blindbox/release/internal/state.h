// SPDX-License-Identifier: Apache-2.0
// What a client remembers per trust root: the newest version of it, and the epochs seen of each application.
#pragma once

#include <optional>

#include "blindbox/base/fd.h"
#include "blindbox/release/document.h"

namespace blindbox::release::internal {

struct Epochs {
  std::uint64_t highest = 0;
  std::uint64_t minimum = 0;
  bool operator==(const Epochs&) const = default;
};

struct State {
  Document root;
  std::map<std::string, Epochs> applications{};
};

[[nodiscard]] std::string encode(const State& state);
[[nodiscard]] Result<State> decode_state(std::string_view text, const std::string& path);

// A state file of which this process is the only reader and writer as long as this lives.
class StateFile {
 public:
  // Makes the folder. id is hexadecimal.
  [[nodiscard]] static Result<StateFile> lock(const std::string& folder, const std::string& id);
  // nullopt where there is none yet.
  [[nodiscard]] Result<std::optional<State>> read() const;
  [[nodiscard]] Result<void> write(const State& state) const;

 private:
  StateFile(std::string path, base::Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  base::Fd lock_;
};

}  // namespace blindbox::release::internal
