// SPDX-License-Identifier: Apache-2.0
// The open documents as the editor has them (LSP 3.18, "Text Document Synchronization", incremental).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "blindbox/base/result.h"
#include "blindbox/lsp/text.h"

namespace blindbox::lsp {

inline constexpr std::size_t kDocumentCap = std::size_t{4} << 20;
inline constexpr std::size_t kDocumentsCap = std::size_t{256} << 20;  // of all together
inline constexpr std::size_t kCountCap = 10'000;
inline constexpr std::size_t kUriCap = 8 * 1024;

struct Document {
  std::string language;
  std::string text;
  // Its text is not kept, since it or all together are too large: there is nothing to complete until it is opened anew.
  bool left_out = false;
  std::uint64_t touched = 0;   // larger is later
  std::size_t last_place = 0;  // byte offset of what happened there last
};

class Documents {
 public:
  void set_encoding(Encoding encoding) { encoding_ = encoding; }
  [[nodiscard]] Encoding encoding() const { return encoding_; }

  // Each takes the params of the notification of that name; ErrorKind::malformed where they are none, ErrorKind::limit
  // past the caps. After a change that could not be applied the document is left out: its text is not the editor's.
  [[nodiscard]] Result<void> open(const nlohmann::json& params);
  [[nodiscard]] Result<void> change(const nlohmann::json& params);
  [[nodiscard]] Result<void> close(const nlohmann::json& params);

  // nullptr where it is not open.
  [[nodiscard]] const Document* find(const std::string& uri) const;
  // Somebody is at work at that place of an open document.
  void touch(const std::string& uri, std::size_t offset);
  // The others, latest first.
  [[nodiscard]] std::vector<std::pair<std::string, const Document*>> others(const std::string& uri) const;

 private:
  [[nodiscard]] Result<void> apply(Document& document, const nlohmann::json& change) const;
  void set_text(Document& document, std::string text);
  void leave_out(Document& document);
  std::map<std::string, Document> documents_;
  std::size_t bytes_ = 0;
  std::uint64_t clock_ = 0;
  Encoding encoding_ = Encoding::utf16;
};

// The uri of params.textDocument; ErrorKind::malformed, ErrorKind::limit.
[[nodiscard]] Result<std::string> document_uri(const nlohmann::json& params);

}  // namespace blindbox::lsp
