// SPDX-License-Identifier: Apache-2.0
// A folder that names from an archive cannot lead out of: every one is resolved by the kernel as if the folder were the
// root (openat2, RESOLVE_IN_ROOT), its last part never followed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/base/fd.h"

namespace blindbox::image::internal {

// "./a//b/../c" as "a/c"; "" is the folder itself. A leading slash counts nothing. ErrorKind::malformed where ".."
// leads above the root, for a NUL and for names longer than the kernel takes.
[[nodiscard]] Result<std::string> clean_name(const std::string& name);
[[nodiscard]] tl::unexpected<Error> bad_entry(const std::string& name, const std::string& why);
[[nodiscard]] tl::unexpected<Error> entry_io(const std::string& name, const std::string& what);

// Where an entry goes: a folder that exists, without any link in its path.
struct Place {
  base::Fd parent;
  std::string path;  // of the entry, from the root, as it is really
  std::string name;  // its last part
};

class Tree {
 public:
  [[nodiscard]] static Result<Tree> open(const std::string& folder);

  // Hears of folders that are made because an archive forgot them, by their real path.
  using OnFolder = std::function<void(const std::string& path)>;
  // The place of a clean name that is not empty; missing folders on the way are made (0700). ErrorKind::malformed where
  // the way leads through a file or a link to nowhere, ErrorKind::limit past 200 folders in one another.
  [[nodiscard]] Result<Place> place(const std::string& name, const OnFolder& made) const;
  // The same where nothing is made: nothing where a folder is missing.
  [[nodiscard]] Result<std::optional<Place>> find(const std::string& name) const;
  // A real path, without any link in it, for reading; nothing where there is no such folder (any more).
  [[nodiscard]] base::Fd folder(const std::string& path) const;

  // True for what is to be kept, by its real path.
  using Keep = std::function<bool(const std::string& path)>;
  // Removes a file, or a folder with all that is in it but what is kept. No error where it is not there.
  [[nodiscard]] Result<void> remove(const Place& place, const Keep& keep) const;
  // Removes what is in a folder.
  [[nodiscard]] Result<void> empty(const std::string& path, const Keep& keep) const;

 private:
  Result<std::string> real_path(int fd, const std::string& name) const;
  Result<Place> finish_place(base::Fd parent, const std::string& name) const;
  Result<base::Fd> make_parents(const std::string& parent, const std::string& name, const OnFolder& made) const;
  Result<void> remove_at(int parent, const std::string& name, const std::string& path, const Keep& keep,
                         int depth) const;
  Result<void> empty_at(base::Fd folder, const std::string& path, const Keep& keep, int depth) const;

  base::Fd root_;
  std::string root_path_;
};

}  // namespace blindbox::image::internal
