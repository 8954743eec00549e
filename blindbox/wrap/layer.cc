// SPDX-License-Identifier: Apache-2.0
// The added layer, stored uncompressed: no version of a compressor can move its digest.
#include "blindbox/archive/tar_writer.h"
#include "blindbox/wrap/wrap.h"

namespace blindbox::wrap {

Result<std::string> make_layer(ByteView init, std::string_view specification_json) {
  const std::string folder = std::string(specification::kFolder.substr(1)) + "/";
  const auto path = [](std::string_view absolute) { return std::string(absolute.substr(1)); };
  std::string out;
  archive::TarWriter tar([&out](ByteView bytes) -> Result<void> {
    out += base::as_text(bytes);
    return {};
  });
  auto done = tar.add({.name = folder, .type = '5', .mode = 0755}, {});
  // Whatever the image had in that place is gone (OCI image specification 1.1, "Opaque Whiteout").
  if (done) done = tar.add({.name = folder + ".wh..wh..opq", .mode = 0}, {});
  if (done) done = tar.add({.name = path(specification::kInitPath), .mode = 0555}, init);
  if (done)
    done = tar.add({.name = path(specification::kSpecificationPath), .mode = 0444}, base::view(specification_json));
  if (done) done = tar.finish();
  if (!done) return base::pass_on(done);
  return out;
}

}  // namespace blindbox::wrap
