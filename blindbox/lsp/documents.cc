// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/documents.h"

#include <algorithm>

#include "blindbox/lsp/fields.h"

namespace blindbox::lsp {
namespace {

using nlohmann::json;

tl::unexpected<Error> malformed(const std::string& what) { return base::fail(ErrorKind::malformed, what); }

}  // namespace

Result<std::string> document_uri(const json& params) {
  auto uri = text_of(member(member(params, "textDocument"), "uri"));
  if (!uri) return malformed("textDocument.uri is not a string");
  if (uri->size() > kUriCap) return base::fail(ErrorKind::limit, "a document's uri is too long");
  return std::move(*uri);
}

Result<void> Documents::open(const json& params) {
  auto uri = document_uri(params);
  if (!uri) return base::pass_on(uri);
  const json& item = member(params, "textDocument");
  auto text = text_of(member(item, "text"));
  if (!text) return malformed("textDocument.text is not a string");
  if (documents_.size() >= kCountCap && !documents_.contains(*uri)) {
    return base::fail(ErrorKind::limit, "too many documents are open");
  }
  Document& document = documents_[*uri];
  document.language = text_of(member(item, "languageId")).value_or("").substr(0, 64);
  document.left_out = false;
  document.touched = ++clock_;
  document.last_place = 0;
  set_text(document, std::move(*text));
  if (document.left_out) return base::fail(ErrorKind::limit, "a document is too large to be completed: " + *uri);
  return {};
}

Result<void> Documents::change(const json& params) {
  auto uri = document_uri(params);
  if (!uri) return base::pass_on(uri);
  const auto found = documents_.find(*uri);
  if (found == documents_.end()) return malformed("a document that is not open has changed: " + *uri);
  Document& document = found->second;
  const json& changes = member(params, "contentChanges");
  document.touched = ++clock_;
  Result<void> applied;
  if (!changes.is_array()) applied = malformed("contentChanges is not an array");
  for (std::size_t i = 0; applied && changes.is_array() && i < changes.size(); ++i) {
    const std::size_t before = document.text.size();
    applied = apply(document, changes[i]);
    bytes_ = bytes_ - before + document.text.size();
  }
  if (applied && document.text.size() <= kDocumentCap && bytes_ <= kDocumentsCap) return {};
  leave_out(document);
  if (!applied) return applied;
  return base::fail(ErrorKind::limit, "a document has become too large to be completed: " + *uri);
}

Result<void> Documents::apply(Document& document, const json& change) const {
  auto text = text_of(member(change, "text"));
  if (!text) return malformed("a change has no text");
  const json& where = member(change, "range");
  if (where.is_null()) {
    document.left_out = false;  // the whole text
    document.text = std::move(*text);
    document.last_place = std::min(document.last_place, document.text.size());
    return {};
  }
  const auto range = range_of(where);
  if (!range) return malformed("a change's range is none");
  if (document.left_out) return {};
  const std::size_t start = offset_at(document.text, range->start, encoding_);
  const std::size_t end = offset_at(document.text, range->end, encoding_);
  if (end < start) return malformed("a change's range ends before it starts");
  document.text.replace(start, end - start, *text);
  document.last_place = start + text->size();
  return {};
}

Result<void> Documents::close(const json& params) {
  auto uri = document_uri(params);
  if (!uri) return base::pass_on(uri);
  const auto found = documents_.find(*uri);
  if (found == documents_.end()) return malformed("a document that is not open was closed: " + *uri);
  bytes_ -= found->second.text.size();
  documents_.erase(found);
  return {};
}

void Documents::set_text(Document& document, std::string text) {
  bytes_ = bytes_ - document.text.size() + text.size();
  document.text = std::move(text);
  if (document.text.size() > kDocumentCap || bytes_ > kDocumentsCap) leave_out(document);
}

void Documents::leave_out(Document& document) {
  bytes_ -= document.text.size();
  document.text = std::string();
  document.left_out = true;
}

const Document* Documents::find(const std::string& uri) const {
  const auto found = documents_.find(uri);
  return found == documents_.end() ? nullptr : &found->second;
}

void Documents::touch(const std::string& uri, std::size_t offset) {
  const auto found = documents_.find(uri);
  if (found == documents_.end()) return;
  found->second.touched = ++clock_;
  found->second.last_place = offset;
}

std::vector<std::pair<std::string, const Document*>> Documents::others(const std::string& uri) const {
  std::vector<std::pair<std::string, const Document*>> all;
  for (const auto& [name, document] : documents_) {
    if (name != uri && !document.left_out && !document.text.empty()) all.emplace_back(name, &document);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second->touched > b.second->touched; });
  return all;
}

}  // namespace blindbox::lsp
