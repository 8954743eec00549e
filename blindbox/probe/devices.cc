// SPDX-License-Identifier: Apache-2.0
// Device nodes: the security processor above all, which would let an application speak for the machine; made, and found.
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

Finding open_node(const std::string& path) {
  int error = 0;
  for (const int mode : {O_RDWR, O_RDONLY, O_WRONLY}) {
    const base::Fd fd(::open(path.c_str(), mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (fd) return escaped(path + " can be opened");
    error = errno;
  }
  return blocked(error);
}

Finding open_nodes(const std::string& folder, const std::vector<std::string>& names) {
  Finding worst = blocked(ENOENT);
  for (const std::string& name : names) {
    Finding found = open_node(folder + "/" + name);
    if (found.outcome == Outcome::escaped) return found;
    if (found.error != ENOENT) worst = found;
  }
  return worst;
}

Try nodes(std::vector<std::string> names) {
  return [names = std::move(names)](const Settings& settings) { return open_nodes(settings.device_folder, names); };
}

Finding open_block(const Settings& settings) {
  DIR* const folder = ::opendir(settings.device_folder.c_str());
  if (folder == nullptr) return blocked(errno);
  Finding out = blocked(ENOENT, "there is none");
  for (const dirent* entry = ::readdir(folder); entry != nullptr && out.outcome != Outcome::escaped;
       entry = ::readdir(folder)) {
    const std::string path = settings.device_folder + "/" + std::string(entry->d_name);
    struct stat about {};
    if (::stat(path.c_str(), &about) == 0 && S_ISBLK(about.st_mode)) out = open_node(path);
  }
  (void)::closedir(folder);
  return out;
}

// A node that nobody opens, gone at once.
Try making(mode_t type, dev_t device) {
  return [type, device](const Settings& settings) -> Finding {
    int error = 0;
    for (const std::string& folder : places_to_write(settings)) {
      const std::string path = folder + "/.blindbox-probe-node-" + std::to_string(::getpid());
      if (::mknod(path.c_str(), type | S_IRUSR | S_IWUSR, device) == 0) {
        (void)::unlink(path.c_str());
        return escaped("a device node was made in " + folder);
      }
      error = errno;
    }
    return blocked(error);
  };
}

Finding make_report_folder(const Settings&) {
  const std::string path = "/sys/kernel/config/tsm/report/blindbox-probe-" + std::to_string(::getpid());
  const int made = ::mkdir(path.c_str(), S_IRWXU);
  const Finding finding = unless_failed(made, "reports can be asked for in configfs");
  if (made == 0) (void)::rmdir(path.c_str());
  return finding;
}

// A terminal that was left over takes characters as if its owner had typed them.
Finding push_characters(const Settings&) {
  int error = 0;
  const auto push = [&](int fd) {
    const char character = ' ';
    if (::ioctl(fd, TIOCSTI, &character) == 0) return true;
    error = errno;
    return false;
  };
  for (const int fd : {0, 1, 2}) {
    if (push(fd)) return escaped("characters can be typed into the terminal of descriptor " + std::to_string(fd));
  }
  const base::Fd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (terminal && push(terminal.get())) return escaped("characters can be typed into the controlling terminal");
  return blocked(error);
}

}  // namespace

void add_devices(Catalogue& to) {
  to.push_back({"device.make_character", "make a character device node", making(S_IFCHR, makedev(1, 1))});
  to.push_back({"device.make_block", "make a block device node", making(S_IFBLK, makedev(7, 200))});
  to.push_back({"device.attestation", "open the security processor or the TPM",
                nodes({"sev-guest", "sev", "tdx_guest", "tdx-guest", "tpm0", "tpmrm0", "vtpmx", "nsm"})});
  to.push_back({"device.tsm", "ask for an attestation report in configfs", make_report_folder});
  to.push_back({"device.memory", "open the machine's memory and ports", nodes({"mem", "kmem", "port", "nvram"})});
  to.push_back({"device.log", "open the kernel's log", nodes({"kmsg"})});
  to.push_back({"device.block", "open a block device", open_block});
  to.push_back({"device.virtual", "open the kernel's doors to drivers, file systems, networks and virtual machines",
                nodes({"kvm", "fuse", "cuse", "net/tun", "vsock", "vhost-net", "vhost-vsock", "loop-control",
                       "mapper/control", "btrfs-control", "uinput", "uhid", "userfaultfd", "snapshot", "ppp"})});
  to.push_back({"terminal.type", "type into a terminal that was left open", push_characters});
}

}  // namespace blindbox::probe::internal
