// SPDX-License-Identifier: Apache-2.0
// Appends to the ledger. Whole lines only, whoever else writes and however full the disk is.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "blindbox/base/fd.h"
#include "blindbox/ledger/entry.h"

namespace blindbox::ledger {

struct WriterOptions {
  std::string folder;                   // made where it is missing, for this user alone
  std::uint64_t rotate_at = 16U << 20;  // bytes
  std::chrono::hours rotate_after{24 * 30};
  std::size_t keep = 12;  // rotated files; older ones are removed
};

inline constexpr const char* kFile = "ledger.jsonl";

class Writer {
 public:
  // ErrorKind::io where the folder or the file cannot be had.
  [[nodiscard]] static Result<Writer> open(WriterOptions options);

  // Times of one writer grow, so that they name a place. A line that cannot be written (a full disk, most likely) is
  // kept, kMostWaiting of them, and written before the next; the error is what stands in the way.
  [[nodiscard]] Result<void> append(Entry entry);
  // Room on the disk for what one request adds; and what waits is written. For who sends nothing that is not recorded.
  [[nodiscard]] Result<void> ready();

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }  // more waited than can be kept

  static constexpr std::size_t kMostWaiting = 1000;

 private:
  explicit Writer(WriterOptions options) : options_(std::move(options)) {}
  Result<void> reopen();
  Result<void> flush();
  Result<void> write_line(const std::string& line);
  void rotate_where_due();
  [[nodiscard]] std::string path() const { return options_.folder + "/" + kFile; }

  WriterOptions options_;
  base::Fd lock_;
  base::Fd file_;
  std::deque<std::string> waiting_;
  std::uint64_t lost_ = 0;
  Time last_{};
  std::optional<Time> begun_;  // the file's first entry
};

// $XDG_STATE_HOME/blindbox or ~/.local/state/blindbox.
[[nodiscard]] std::string default_folder();

}  // namespace blindbox::ledger
