// SPDX-License-Identifier: Apache-2.0
// What was fetched, kept in memory and in a folder. A file says by a digest that it is whole; whatever is not as it was
// written counts as absent, and the next answer takes its place.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "blindbox/kds/answer.h"

namespace blindbox::kds {

// $XDG_CACHE_HOME/blindbox/kds, else $HOME/.cache/blindbox/kds; empty where neither is an absolute path.
[[nodiscard]] std::string default_cache_folder();

class Cache {
 public:
  // folder is made (0700, its parents too) when something is first kept. Empty: memory only.
  explicit Cache(std::string folder) : folder_(std::move(folder)) {}

  struct Entry {
    Answer answer;
    base::Time fetched{};
  };
  // What is kept for the request, however old.
  [[nodiscard]] std::optional<Entry> find(const Request& request);

  // Whole or not at all, also under another process that keeps the same. The entry is kept in memory even where the
  // error, ErrorKind::io, says that it is not on disk.
  [[nodiscard]] Result<void> keep(const Request& request, ByteView body, Entry entry);

 private:
  [[nodiscard]] std::string path(const Request& request) const;
  std::string folder_;
  std::map<std::string, Entry> memory_;
};

// Everything is good until its own date: a VCEK belongs to its chip and TCB. A list is asked for anew once it is a day old
// as well, or from the future: a revocation must not wait for the months that lists are valid.
[[nodiscard]] bool is_fresh(const Request& request, const Cache::Entry& entry, base::Time now);

}  // namespace blindbox::kds
