// SPDX-License-Identifier: Apache-2.0
// Files, folders and the standard input become blobs. Nothing that is not a regular file is read: a pipe may never end,
// and a device may do anything.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "blindbox/base/fd.h"
#include "blindbox/base/open.h"
#include "blindbox/intake/internal/session.h"

namespace blindbox::intake {
namespace {

using base::fail;

// What has been read so far, and into what.
struct Gathered {
  internal::Session session;
  std::size_t files = 0;
  std::size_t bytes = 0;
};

tl::unexpected<Error> io_error(const std::string& name) {
  const bool absent = errno == ENOENT;
  return fail(ErrorKind::io, "cannot read " + name + ": " + std::strerror(errno), "",
              absent ? "a SOURCE is a file, a folder, or a server's https://host:port" : "");
}

tl::unexpected<Error> too_large(const std::string& name) {
  return fail(ErrorKind::malformed, name + " is larger than " + std::to_string(kFileCap) + " bytes");
}

// The file goes on to be recognised, and is forgotten.
Result<void> add(const Blob& blob, Gathered& out) {
  out.bytes += blob.bytes.size();
  if (out.bytes > kTotalCap) {
    return fail(ErrorKind::malformed, "the sources hold more than " + std::to_string(kTotalCap) + " bytes");
  }
  if (++out.files > kMostFiles) {
    return fail(ErrorKind::malformed, "more than " + std::to_string(kMostFiles) + " files were given");
  }
  return out.session.add(blob);
}

Result<Bytes> read_all(int fd, const std::string& name) {
  Bytes contents;
  Bytes piece(std::size_t{64} << 10);
  while (true) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(name);
    if (got == 0) return contents;
    if (contents.size() + static_cast<std::size_t>(got) > kFileCap) return too_large(name);
    contents.insert(contents.end(), piece.begin(), piece.begin() + got);
  }
}

struct Opened {
  base::Fd fd;
  struct stat info {};
};

Result<Opened> open_source(const std::string& name) {
  Opened out;
  // Without O_NONBLOCK opening a pipe waits for whoever writes.
  out.fd = base::Fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!out.fd || ::fstat(out.fd.get(), &out.info) != 0) return io_error(name);
  return out;
}

// What is no regular file and was named all the same: read where a shell handed it over.
Result<Bytes> read_handed_over(const std::string& name) {
  auto file = base::open_input(name);
  if (!file) {
    file.error().hint = "a pipe is read as the standard input: blindbox verify - < " + name;
    return base::pass_on(file);
  }
  return read_all(file->get(), name);
}

Result<Bytes> read_opened(const Opened& file, const std::string& name) {
  if (static_cast<std::uint64_t>(file.info.st_size) > kFileCap) return too_large(name);
  return read_all(file.fd.get(), name);
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), &::closedir);
  if (!listing) return io_error(folder);
  std::vector<std::string> names;
  for (const dirent* entry = ::readdir(listing.get()); entry != nullptr; entry = ::readdir(listing.get())) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.push_back(name);
    if (names.size() > kMostFiles) {
      return fail(ErrorKind::malformed, folder + " holds more than " + std::to_string(kMostFiles) + " files");
    }
  }
  std::ranges::sort(names);
  return names;
}

// A file of a folder was not asked for by name: one that cannot be read is left aside, and said so.
Result<void> gather_entry(const std::string& name, Gathered& out) {
  auto file = open_source(name);
  if (!file) {
    out.session.leave_aside(name, file.error().what);
  } else if (!S_ISREG(file->info.st_mode)) {
    out.session.leave_aside(name, S_ISDIR(file->info.st_mode) ? "a folder within" : "no regular file");
  } else if (auto bytes = read_opened(*file, name); bytes) {
    return add({name, *std::move(bytes), true}, out);
  } else {
    out.session.leave_aside(name, bytes.error().what);
  }
  return {};
}

Result<void> gather_folder(const std::string& folder, Gathered& out) {
  auto names = names_in(folder);
  if (!names) return base::pass_on(names);
  for (const std::string& entry : *names) {
    const auto done = gather_entry(folder + (folder.ends_with('/') ? "" : "/") + entry, out);
    if (!done) return done;
  }
  return {};
}

Result<void> gather(const std::string& source, Gathered& out) {
  if (source == "-") {
    auto bytes = read_all(STDIN_FILENO, "the standard input");
    if (!bytes) return base::pass_on(bytes);
    return add({"the standard input", *std::move(bytes)}, out);
  }
  auto file = open_source(source);
  if (!file) return base::pass_on(file);
  if (S_ISDIR(file->info.st_mode)) return gather_folder(source, out);
  auto bytes = S_ISREG(file->info.st_mode) ? read_opened(*file, source) : read_handed_over(source);
  if (!bytes) return base::pass_on(bytes);
  return add({source, *std::move(bytes)}, out);
}

}  // namespace

Result<Intake> read_sources(const std::vector<std::string>& sources) {
  Gathered gathered;
  for (const std::string& source : sources) {
    if (const auto done = gather(source, gathered); !done) return tl::unexpected<Error>(done.error());
  }
  return std::move(gathered.session).finish();
}

}  // namespace blindbox::intake
