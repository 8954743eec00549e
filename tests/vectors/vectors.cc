// SPDX-License-Identifier: Apache-2.0
#include "tests/vectors/vectors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "blindbox/base/file.h"

namespace blindbox::vectors {

std::string sev_snp_folder() {
  const char* configured = std::getenv("BLINDBOX_VECTORS");
  const std::filesystem::path root =
      configured != nullptr ? configured : std::filesystem::path(BLINDBOX_SOURCE_DIR) / ".." / "shared" / "vectors";
  const auto folder = root / "evidence" / "sev-snp";
  return std::filesystem::is_directory(folder) ? folder.string() : "";
}

bool present() { return !sev_snp_folder().empty(); }

Bytes read(const std::string& name) { return read_evidence("sev-snp/" + name); }

Bytes read_evidence(const std::string& name) {
  auto contents = base::read_file(sev_snp_folder() + "/../" + name, std::size_t{1} << 20);
  EXPECT_TRUE(contents) << (contents ? "" : contents.error().what);
  return contents ? *std::move(contents) : Bytes{};
}

std::vector<Bytes> read_pems(const std::string& name) {
  const Bytes file = read_evidence(name);
  std::vector<Bytes> out;
  std::string_view text = base::as_text(file);
  for (std::size_t begin = 0; (begin = text.find("-----BEGIN")) != std::string_view::npos;) {
    text.remove_prefix(text.find('\n', begin));
    auto der = base::from_base64(text.substr(0, text.find("-----END")));
    EXPECT_TRUE(der) << name;
    if (der) out.push_back(*std::move(der));
    text.remove_prefix(std::min(text.size(), text.find("-----END")));
  }
  EXPECT_FALSE(out.empty()) << name;
  return out;
}

Bytes read_pem(const std::string& name) {
  const auto blocks = read_pems("sev-snp/" + name);
  return blocks.empty() ? Bytes{} : blocks.front();
}

}  // namespace blindbox::vectors
