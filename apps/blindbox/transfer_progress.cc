// SPDX-License-Identifier: Apache-2.0
#include "transfer_progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "command.h"

namespace blindbox::apps {
namespace {

constexpr std::chrono::milliseconds kStep{100};
constexpr std::uint64_t kWidth = 30;
constexpr std::size_t kShownDigits = 12;

const char* verb(image::Transfer::Stage stage) {
  switch (stage) {
    case image::Transfer::Stage::fetching: return "fetching";
    case image::Transfer::Stage::storing: return "storing";
    case image::Transfer::Stage::skipped: break;
  }
  return "there already";
}

}  // namespace

TransferProgress::TransferProgress() : on_terminal_(is_terminal(stderr)) {}

TransferProgress::~TransferProgress() {
  if (!line_.empty()) fmt::print(stderr, "\n");
}

void TransferProgress::operator()(const image::Transfer& transfer) {
  if (!on_terminal_) return;
  const std::uint64_t total = transfer.blob.size, done = std::min(transfer.done, total);
  const std::string name = std::string(transfer.blob.digest.hex().substr(0, kShownDigits)) + verb(transfer.stage);
  const auto now = Clock::now();
  if (name == line_ && done < total && now - drawn_ < kStep) return;
  if (name != line_ && !line_.empty()) fmt::print(stderr, "\n");
  const std::uint64_t filled =
      total == 0 ? kWidth : static_cast<std::uint64_t>(static_cast<double>(done) / static_cast<double>(total) * kWidth);
  fmt::print(stderr, "\r{} [{:=<{}}{: <{}}] {} of {} KiB {}\x1b[K", transfer.blob.digest.hex().substr(0, kShownDigits),
             "", filled, "", kWidth - filled, done >> 10U, total >> 10U, verb(transfer.stage));
  line_ = name;
  drawn_ = now;
}

}  // namespace blindbox::apps
