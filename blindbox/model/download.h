// SPDX-License-Identifier: Apache-2.0
// One file off the network, continued where it broke off, and named only when its digest is right.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "blindbox/fetch/web.h"
#include "blindbox/model/store.h"

namespace blindbox::model {

// Hears of the file under way: bytes so far, and of all of it (0: not known).
using DownloadProgress = std::function<void(const std::string& file, std::uint64_t done, std::uint64_t total)>;

struct Wanted {
  std::string path;  // for messages and progress
  fetch::Url url;
  std::string token;        // for the url's origin alone; "" for none
  std::uint64_t bytes = 0;  // 0: not known
  std::uint64_t cap = 0;    // where they are not
  std::string sha256;       // hexadecimal; or
  std::string git_sha1;     // of Git's blob, for small files that the hub keeps in Git
};

// Into target; what is there already with the right digest is not fetched again. What broke off stays beside it as
// "TARGET.part". ErrorKind::malformed for other bytes than were announced, which are not kept.
[[nodiscard]] Result<SourceFile> download(fetch::Web& web, const Wanted& wanted, const std::string& target,
                                          const DownloadProgress& progress, const std::stop_token& stop);

}  // namespace blindbox::model
