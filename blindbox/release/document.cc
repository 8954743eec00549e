// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/document.h"

#include "blindbox/base/json_watch.h"
#include "blindbox/release/internal/object.h"

namespace blindbox::release {
namespace {

using base::fail;
using internal::json;

constexpr int kMaxDepth = 8;

tl::unexpected<Error> malformed(const std::string& name, const std::string& why) {
  return fail(ErrorKind::malformed, name + " is no signed document: " + why, "",
              "signed files are taken byte for byte: fetch it again, and do not format it");
}

}  // namespace

Result<Document> read_document(std::string_view text, const std::string& name) {
  if (text.size() > kDocumentCap) return fail(ErrorKind::limit, name + " is larger than 1 MiB");
  base::JsonWatch watch(kMaxDepth);
  const json root = json::parse(text, std::ref(watch), false);
  if (watch.key_twice()) return malformed(name, "it has a member twice");
  if (watch.too_deep()) return malformed(name, "it is nested too deeply");
  if (!root.is_object()) return malformed(name, "it is no JSON object");
  internal::Object reader(root);
  if (!reader.member("signed").is_object()) return malformed(name, "it has no \"signed\"");
  const json& signatures = reader.member("signatures");
  if (!signatures.is_object()) return malformed(name, "it has no \"signatures\"");
  if (signatures.size() > kMostSignatures) return fail(ErrorKind::limit, name + " has more than 64 signatures");
  Document out{.body = internal::canonical(root.at("signed"))};
  for (const auto& [id, value] : signatures.items()) {
    const auto signature = internal::read_hex<64>(value);
    if (!signature || !internal::read_hex<32>(json(id))) return malformed(name, "a signature is none");
    out.signatures.emplace(id, *signature);
  }
  const std::string again = write_document(out);
  if (again != text && std::string_view(again).substr(0, again.size() - 1) != text) {
    return malformed(name, "it is not in its canonical form");
  }
  return out;
}

std::string write_document(const Document& document) {
  json signatures = json::object();
  for (const auto& [id, signature] : document.signatures) signatures[id] = base::to_hex(signature);
  return R"({"signatures":)" + internal::canonical(signatures) + R"(,"signed":)" + document.body + "}\n";
}

Result<void> sign(Document& document, const SigningKey& key) {
  auto signature = key.sign(base::view(document.body));
  if (!signature) return base::pass_on(signature);
  document.signatures[key_id(key.public_key())] = *signature;
  return {};
}

Result<std::size_t> count_signatures(const Document& document, const Keys& keys) {
  std::size_t count = 0;
  for (const auto& [id, key] : keys) {
    const auto found = document.signatures.find(id);
    if (found == document.signatures.end()) continue;
    if (!verify(key, base::view(document.body), found->second)) {
      return fail(ErrorKind::not_authentic, "the signature of key " + id + " is wrong", "",
                  "the file was changed after it was signed: fetch it again");
    }
    ++count;
  }
  return count;
}

}  // namespace blindbox::release
