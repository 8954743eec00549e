// SPDX-License-Identifier: Apache-2.0
// Where one message ends and the next begins (LSP 3.18, "Base Protocol": header part, content part).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::lsp {

inline constexpr std::size_t kHeaderCap = 8 * 1024;
inline constexpr std::size_t kMessageCap = std::size_t{64} << 20;

class FrameReader {
 public:
  // The contents of every message that piece completes. ErrorKind::protocol for a header that is none, ErrorKind::limit
  // past the caps, before anything is allocated for it; nothing can be read after an error.
  [[nodiscard]] Result<std::vector<std::string>> feed(std::string_view piece);
  // True between two messages: the only place where a stream may end.
  [[nodiscard]] bool at_boundary() const { return header_.empty() && missing_ == 0; }

 private:
  [[nodiscard]] Result<void> take_header();
  std::string header_;
  std::string content_;
  std::size_t missing_ = 0;  // of the content, once its header is complete
};

[[nodiscard]] std::string write_frame(std::string_view content);

}  // namespace blindbox::lsp
