// SPDX-License-Identifier: Apache-2.0
// Files of a listing that is accepted have names that stay in one folder, and digests that are some.
#include "blindbox/model/hub.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  const auto listing = blindbox::model::read_listing(blindbox::fuzz::input(data, size));
  if (!listing) return 0;
  must(listing->commit.size() == 40, "a commit");
  for (const auto& file : listing->files) {
    must(!file.path.empty() && file.path.front() != '.', "a plain name");
    must(file.path.find('/') == std::string::npos && file.path.find('\0') == std::string::npos, "in one folder");
    must(file.sha256.empty() || blindbox::base::from_hex(file.sha256).value_or(blindbox::Bytes{}).size() == 32,
         "a digest");
  }
  return 0;
}
