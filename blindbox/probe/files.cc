// SPDX-License-Identifier: Apache-2.0
// Writing outside the writable directories. What succeeds is undone, and nothing that stands is changed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

bool is_writable(const Settings& settings, const std::string& path) {
  return std::ranges::any_of(settings.writable, [&](const WritableDirectory& one) { return lies_in(path, one.path); });
}

std::vector<std::string> without_writable(const Settings& settings, std::vector<std::string> paths) {
  std::erase_if(paths, [&](const std::string& path) { return is_writable(settings, path); });
  return paths;
}

std::vector<std::string> folders(const Settings& settings) {
  return without_writable(
      settings, {"/",    "/.blindbox", "/etc",  "/bin",  "/usr",     "/usr/bin",    "/usr/lib",       "/lib",
                 "/opt", "/srv",       "/root", "/home", "/var",     "/var/lib",    "/var/log",       "/var/tmp",
                 "/tmp", "/run",       "/mnt",  "/dev",  "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup", "."});
}

std::vector<std::string> files(const Settings& settings) {
  return without_writable(settings, {"/.blindbox/init", "/.blindbox/specification.json", "/etc/passwd", "/etc/hosts",
                                     "/etc/resolv.conf", "/etc/hostname", "/etc/ld.so.cache", "/bin/sh"});
}

// The first that worked; else the most telling error.
template <typename Attempt>
Finding on_each(const std::vector<std::string>& paths, const std::string& what, const Attempt& attempt) {
  int error = ENOENT;
  for (const std::string& path : paths) {
    if (attempt(path)) return escaped(what + path);
    if (errno != ENOENT && error != EACCES && error != EPERM) error = errno;
  }
  return blocked(error);
}

std::string name_in(const std::string& folder) { return folder + "/.blindbox-probe-" + std::to_string(::getpid()); }

Finding create(const Settings& settings) {
  return on_each(folders(settings), "a file was made in ", [](const std::string& folder) {
    const std::string path = name_in(folder);
    const base::Fd fd(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (fd) (void)::unlink(path.c_str());
    return static_cast<bool>(fd);
  });
}

Finding create_unnamed(const Settings& settings) {
  return on_each(folders(settings), "a file without a name was made in ", [](const std::string& folder) {
    const base::Fd fd(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR));
    return static_cast<bool>(fd);
  });
}

Finding make_folder(const Settings& settings) {
  return on_each(folders(settings), "a folder was made in ", [](const std::string& folder) {
    const std::string path = name_in(folder);
    const bool made = ::mkdir(path.c_str(), S_IRWXU) == 0;
    if (made) (void)::rmdir(path.c_str());
    return made;
  });
}

Finding make_link(const Settings& settings) {
  return on_each(folders(settings), "a symbolic link was made in ", [](const std::string& folder) {
    const std::string path = name_in(folder);
    const bool made = ::symlink("/", path.c_str()) == 0;
    if (made) (void)::unlink(path.c_str());
    return made;
  });
}

Finding make_pipe(const Settings& settings) {
  return on_each(folders(settings), "a named pipe was made in ", [](const std::string& folder) {
    const std::string path = name_in(folder);
    const bool made = ::mknod(path.c_str(), S_IFIFO | S_IRUSR | S_IWUSR, 0) == 0;
    if (made) (void)::unlink(path.c_str());
    return made;
  });
}

Finding overwrite(const Settings& settings) {
  return on_each(files(settings), "can be written: ", [](const std::string& path) {
    // ETXTBSY of a program that runs comes before Landlock is asked, so it tells of no permission.
    const base::Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return static_cast<bool>(fd);
  });
}

Finding truncate(const Settings& settings) {
  return on_each(files(settings), "can be truncated: ", [](const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) return false;
    return ::truncate(path.c_str(), about.st_size) == 0;
  });
}

Finding change_mode(const Settings& settings) {
  std::vector<std::string> paths = folders(settings);
  for (const std::string& path : files(settings)) paths.push_back(path);
  return on_each(paths, "the permissions can be changed: ", [](const std::string& path) {
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && ::chmod(path.c_str(), about.st_mode & 07777U) == 0;
  });
}

// Names that nobody has: the permission on the folder decides before the name is missed, where there is one to decide.
Finding rename_away(const Settings& settings) {
  return on_each(files(settings), "can be renamed: ", [](const std::string& path) {
    const std::string aside = path + ".blindbox-probe";
    if (::rename(path.c_str(), aside.c_str()) != 0) return false;
    (void)::rename(aside.c_str(), path.c_str());
    return true;
  });
}

}  // namespace

void add_files(Catalogue& to) {
  to.push_back({"files.create", "make a file outside the writable directories", create});
  to.push_back({"files.create_unnamed", "make a file without a name there", create_unnamed});
  to.push_back({"files.make_folder", "make a folder there", make_folder});
  to.push_back({"files.make_link", "make a symbolic link there", make_link});
  to.push_back({"files.make_pipe", "make a named pipe there", make_pipe});
  to.push_back({"files.overwrite", "open init, its specification or a file of the system for writing", overwrite});
  to.push_back({"files.truncate", "cut such a file off", truncate});
  to.push_back({"files.change_mode", "change the permissions of such a file or folder", change_mode});
  to.push_back({"files.rename", "rename such a file", rename_away});
}

}  // namespace blindbox::probe::internal
