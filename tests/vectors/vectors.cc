// SPDX-License-Identifier: Apache-2.0
#include "tests/vectors/vectors.h"

#include <gtest/gtest.h>

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

Bytes read(const std::string& name) {
  auto contents = base::read_file(sev_snp_folder() + "/" + name, std::size_t{1} << 20);
  EXPECT_TRUE(contents) << (contents ? "" : contents.error().what);
  return contents ? *std::move(contents) : Bytes{};
}

Bytes read_pem(const std::string& name) {
  const Bytes file = read(name);
  const std::string_view text = base::as_text(file);
  const auto begin = text.find('\n', text.find("-----BEGIN"));
  const auto end = text.find("-----END");
  EXPECT_NE(end, std::string_view::npos) << name;
  auto der = base::from_base64(text.substr(begin, end - begin));
  EXPECT_TRUE(der) << name;
  return der ? *std::move(der) : Bytes{};
}

}  // namespace blindbox::vectors
