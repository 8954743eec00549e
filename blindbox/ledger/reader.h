// SPDX-License-Identifier: Apache-2.0
// Reads the ledger: newest first for a page of it, oldest first for all of it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/ledger/entry.h"

namespace blindbox::ledger {

// Newest first; files that are not there give nothing, lines that are no entries are skipped. At most limit entries,
// all before the time given.
[[nodiscard]] std::vector<Entry> newest(const std::string& folder, std::size_t limit, std::optional<Time> before = {});

// Every entry, oldest first; false ends it. A rotation meanwhile may hide entries, it invents none.
void each(const std::string& folder, const std::function<bool(const Entry&)>& visit);

// Adds up all of a ledger. Rotated files do not change any more: each is read once, which matters when there are twelve.
class Adder {
 public:
  explicit Adder(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Sums sums();
  // From another thread: what is being added up ends at once, and is of no use.
  void stop() { stopped_ = true; }

 private:
  std::string folder_;
  std::atomic<bool> stopped_ = false;
  std::map<std::string, Sums> rotated_;
};

// Entries as they are written, from now on: what has been appended since the last call.
class Follower {
 public:
  explicit Follower(std::string folder);
  [[nodiscard]] std::vector<Entry> next();

 private:
  std::string folder_;
  unsigned long long inode_ = 0;
  long long at_ = 0;
};

// Whole paths, newest first.
[[nodiscard]] std::vector<std::string> rotated_files(const std::string& folder);
// The time of the first entry of an open file.
[[nodiscard]] std::optional<Time> first_time(int file);

}  // namespace blindbox::ledger
