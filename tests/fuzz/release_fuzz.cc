// SPDX-License-Identifier: Apache-2.0
// A document that is read writes as the same bytes; a trust root and a release that are read encode as the signed ones;
// and nothing that nobody signed reaches a threshold.
#include "blindbox/release/release.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  namespace release = blindbox::release;
  const std::string_view text = blindbox::base::as_text(blindbox::fuzz::input(data, size));
  const auto document = release::read_document(text, "d");
  if (!document) return 0;
  const std::string again = release::write_document(*document);
  must(again == text || again == std::string(text) + "\n", "a document reads back as the same bytes");
  if (const auto root = release::decode_trust_root(*document, "d")) {
    must(release::encode(*root) == document->body, "a trust root reads back as the same bytes");
    must(root->threshold >= 2 && root->threshold <= root->keys.size(),
         "a threshold that can be reached, of two at least");
  }
  if (const auto read = release::decode_release(*document, "d")) {
    must(release::encode(*read) == document->body, "a release reads back as the same bytes");
    must(!read->platforms.empty() && read->minimum_epoch <= read->epoch, "a release that promises something");
  }
  return 0;
}
