// SPDX-License-Identifier: Apache-2.0
// The entries of one layer after another, onto a tree.
#pragma once

#include <map>
#include <unordered_set>

#include "blindbox/archive/tar_reader.h"
#include "blindbox/image/internal/tree.h"
#include "blindbox/image/unpack.h"

namespace blindbox::image::internal {

class LayerWriter {
 public:
  LayerWriter(const Tree& tree, const UnpackOptions& options);

  [[nodiscard]] Result<void> add_layer(archive::Source& tar);
  // Modes, owners and times of folders, which must not stand in the way before.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] const Unpacked& done() const { return done_; }

 private:
  struct Attributes {
    unsigned mode = 0755;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    archive::Time modified;
    std::map<std::string, std::string> xattrs;
  };
  static Result<Attributes> attributes_of(const archive::TarHeader& header);

  Result<void> add(archive::TarReader& reader, const archive::TarHeader& header);
  Result<void> white_out(const std::string& name, const std::string& last);
  Result<void> add_folder(const Place& place, const Attributes& attributes);
  Result<void> add_file(archive::TarReader& reader, const Place& place, const archive::TarHeader& header,
                        const Attributes& attributes);
  Result<void> add_symlink(const Place& place, const std::string& name, const std::string& link,
                           const Attributes& attributes);
  Result<void> add_hard_link(const Place& place, const std::string& name, const std::string& link);
  Result<void> add_fifo(const Place& place, const Attributes& attributes);
  Result<void> write_contents(archive::TarReader& reader, int file, const Place& place);
  Result<void> apply(int fd, const std::string& path, const Attributes& attributes) const;
  void forget_folders(const std::string& path);

  const Tree& tree_;
  const UnpackOptions& options_;
  bool as_root_;
  Unpacked done_;
  Bytes piece_ = Bytes(std::size_t{256} << 10);
  std::unordered_set<std::string> mine_;  // real paths that this layer put there
  std::map<std::string, Attributes> folders_;
};

}  // namespace blindbox::image::internal
