// SPDX-License-Identifier: Apache-2.0
// The added layer. A ustar archive (POSIX.1-1988) of a handful of entries, written here so that no library's version can
// move its digest, and stored uncompressed for the same reason.
#include <fmt/format.h>

#include "blindbox/wrap/wrap.h"

namespace blindbox::wrap {
namespace {

constexpr std::size_t kBlock = 512;

void put(std::string& header, std::size_t at, std::string_view text) { header.replace(at, text.size(), text); }

// name is shorter than 100 characters, size smaller than 8 GiB: what the format holds without extensions.
void add(std::string& archive, std::string_view name, char type, unsigned mode, std::string_view contents) {
  std::string header(kBlock, '\0');
  put(header, 0, name);
  put(header, 100, fmt::format("{:07o}", mode));
  put(header, 108, "0000000");  // owner and group: root
  put(header, 116, "0000000");
  put(header, 124, fmt::format("{:011o}", contents.size()));
  put(header, 136, "00000000000");  // no time
  put(header, 148, "        ");     // the sum is over blanks in its own place
  header[156] = type;
  put(header, 257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(header, 148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  archive += header;
  archive += contents;
  archive.append((kBlock - contents.size() % kBlock) % kBlock, '\0');
}

}  // namespace

std::string make_layer(ByteView init, std::string_view specification_json) {
  constexpr char kFile = '0';
  constexpr char kFolder = '5';
  const std::string folder = std::string(specification::kFolder.substr(1)) + "/";
  std::string out;
  out.reserve(init.size() + specification_json.size() + 8 * kBlock);
  add(out, folder, kFolder, 0755, "");
  // Whatever the image had in that place is gone (OCI image specification 1.1, "Opaque Whiteout").
  add(out, folder + ".wh..wh..opq", kFile, 0, "");
  add(out, specification::kInitPath.substr(1), kFile, 0555, base::as_text(init));
  add(out, specification::kSpecificationPath.substr(1), kFile, 0444, specification_json);
  out.append(2 * kBlock, '\0');
  return out;
}

}  // namespace blindbox::wrap
