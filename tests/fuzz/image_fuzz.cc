// SPDX-License-Identifier: Apache-2.0
// References write back to what they were read from, and so do manifests; both are refused with a reason otherwise.
#include "blindbox/image/image.h"
#include "blindbox/image/reference.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindbox;
  using fuzz::must;
  const ByteView input = fuzz::input(data, size);
  if (const auto reference = image::parse_reference(base::as_text(input))) {
    const auto again = image::parse_reference(reference->text());
    must(again && again->text() == reference->text(), "a reference parses back");
    must(reference->text().find("..") == std::string::npos || reference->transport != image::Transport::registry,
         "no registry's path leads up");
  } else {
    must(reference.error().kind == ErrorKind::usage, "a reference is the user's affair");
  }
  const auto document = image::parse_document(input);
  if (!document) {
    const ErrorKind kind = document.error().kind;
    must(kind == ErrorKind::malformed || kind == ErrorKind::limit, "a refusal says that the manifest is to blame");
  } else if (document->manifest) {
    const std::string text = image::write_manifest(*document->manifest);
    const auto again = image::parse_document(base::view(text));
    must(again && again->manifest && image::write_manifest(*again->manifest) == text, "a manifest parses back");
  }
  if (const auto config = image::parse_config(input)) {
    must(config->diff_ids.size() <= image::kMostLayers, "layers are capped");
  }
  return 0;
}
