// SPDX-License-Identifier: Apache-2.0
// A blob that is on its way, in a file: with a name where it may be continued another day, else without.
#pragma once

#include "blindbox/image/transfer.h"

namespace blindbox::image::internal {

class Download {
 public:
  // What an earlier attempt left in the folder counts as received. "" or a folder that cannot be used: a file without a
  // name. Two who fetch one blob do not share a file.
  [[nodiscard]] static Result<Download> open(const std::string& folder, const Descriptor& descriptor);

  [[nodiscard]] std::uint64_t received() const { return received_; }
  // ErrorKind::malformed where there is more than the descriptor says.
  [[nodiscard]] Result<void> add(ByteView bytes);
  // From the beginning again.
  [[nodiscard]] Result<void> restart();
  // The whole blob, whose file has no name from now on. ErrorKind::malformed where its digest is another; then nothing
  // is kept.
  [[nodiscard]] Result<Blob> finish();
  // What was received is a lie.
  void discard();

 private:
  explicit Download(const Descriptor& descriptor) : descriptor_(&descriptor), hasher_(descriptor.digest.algorithm()) {}
  Result<void> take_up();

  const Descriptor* descriptor_;
  base::Fd file_;
  std::string path_;
  std::uint64_t received_ = 0;
  Hasher hasher_;
};

}  // namespace blindbox::image::internal
