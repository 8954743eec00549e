// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/text_stream.h"

#include <algorithm>
#include <utility>

#include "blindbox/base/bytes.h"

namespace blindbox::completion {
namespace {

// How many bytes the character that begins with lead has; 0 for a byte that begins none.
std::size_t length_by_lead(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// True when some continuation of begun is a character of length bytes. Only the second byte is restricted by the
// first (RFC 3629, section 4), so any filling will do once it is there.
bool can_become_character(const std::string& begun, std::size_t length) {
  if (begun.size() == 1) return true;
  return base::is_utf8(begun + std::string(length - begun.size(), '\x80'));
}

}  // namespace

void TextStream::take_characters(std::string_view piece) {
  for (const char c : piece) {
    bytes_ += c;
    for (;;) {
      const std::size_t length = length_by_lead(static_cast<unsigned char>(bytes_[0]));
      if (length != 0 && bytes_.size() < length && can_become_character(bytes_, length)) break;
      if (length != 0 && bytes_.size() == length && base::is_utf8(bytes_)) {
        held_ += bytes_;
        bytes_.clear();
        break;
      }
      held_ += "\xEF\xBF\xBD";
      // One replacement for the broken beginning; its last byte may begin a character of its own.
      bytes_ = bytes_.size() > 1 ? bytes_.substr(bytes_.size() - 1) : std::string();
      if (bytes_.empty()) break;
    }
  }
}

std::string TextStream::push(std::string_view piece) {
  if (!met_.empty()) return {};
  take_characters(piece);
  std::size_t first = std::string::npos;
  for (const std::string& word : words_) {
    const std::size_t at = word.empty() ? std::string::npos : held_.find(word);
    if (at < first) {
      first = at;
      met_ = word;
    }
  }
  if (first != std::string::npos) {
    held_.resize(first);
    return std::exchange(held_, {});
  }
  std::size_t keep = 0;  // the longest end of the text that begins a stop word
  for (const std::string& word : words_) {
    for (std::size_t length = std::min(word.size(), held_.size()); length > keep; --length) {
      if (std::string_view(held_).ends_with(std::string_view(word).substr(0, length))) keep = length;
    }
  }
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, out.size());
  return out;
}

std::string TextStream::finish() {
  bytes_.clear();
  return met_.empty() ? std::exchange(held_, {}) : std::string();
}

}  // namespace blindbox::completion
