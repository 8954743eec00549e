// SPDX-License-Identifier: Apache-2.0
#include "build_contents.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "blindbox/base/fd.h"
#include "blindbox/base/file.h"
#include "blindbox/fetch/json.h"
#include "blindbox/image/unpack.h"
#include "temporary_folder.h"
#include "transfer_progress.h"

namespace blindbox::apps {
namespace {

using base::Fd;
using fetch::shown;

constexpr std::size_t kUsersCap = std::size_t{1} << 20;

// An image's folder, in which its links lead nowhere else.
class Root {
 public:
  explicit Root(const std::string& folder) : folder_(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

  // Follows links as a process inside would.
  [[nodiscard]] Fd open(const std::string& path, std::uint64_t how) const {
    open_how options{};
    options.flags = how | O_CLOEXEC;
    options.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return Fd(static_cast<int>(::syscall(SYS_openat2, folder_.get(), path.c_str(), &options, sizeof options)));
  }
  [[nodiscard]] bool has_folder(const std::string& path) const { return bool(open(path, O_PATH | O_DIRECTORY)); }
  [[nodiscard]] bool has_program(const std::string& path) const {
    const Fd file = open(path, O_PATH);
    struct stat info {};
    return file && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 0111U) != 0;
  }
  // "" where there is none, or one of more than kUsersCap.
  [[nodiscard]] std::string text(const std::string& path) const {
    const Fd file = open(path, O_RDONLY | O_NONBLOCK);
    if (!file) return "";
    const auto bytes = base::read_file("/proc/self/fd/" + std::to_string(file.get()), kUsersCap);
    return bytes ? std::string(base::as_text(*bytes)) : "";
  }

 private:
  Fd folder_;
};

// As blindbox-init reads users and groups: what is past the kernel's numbers can only be a name.
bool is_number(const std::string& text) {
  constexpr std::uint32_t kHighest = 0x7FFFFFFE;
  if (text.empty()) return true;  // not said
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && at == end && value <= kHighest;
}

// Whether a colon-separated file has a line for that name.
bool lists(const std::string& file, const std::string& name) {
  return file.starts_with(name + ":") || file.find("\n" + name + ":") != std::string::npos;
}

void check_user(const Root& root, const std::string& text, std::vector<std::string>& notes) {
  const auto colon = text.find(':');
  const std::string user = text.substr(0, colon), group = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (!is_number(user) && !lists(root.text("/etc/passwd"), user))
    notes.push_back("the image has no user \"" + shown(user) + "\", so it will not start: its /etc/passwd names none");
  if (!is_number(group) && !lists(root.text("/etc/group"), group))
    notes.push_back("the image has no group \"" + shown(group) + "\", so it will not start: its /etc/group names none");
}

// Where the shell would look: docker's own PATH, unless the image has one.
bool is_in_path(const Root& root, const image::Config& config, const std::string& program) {
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& variable : config.env) {
    if (variable.starts_with("PATH=")) path = variable.substr(5);
  }
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    if (root.has_program(path.substr(begin, end - begin) + "/" + program)) return true;
    begin = end + 1;
  }
  return false;
}

void check_program(const Root& root, const image::Config& config, std::vector<std::string>& notes) {
  const auto& words = config.entrypoint.empty() ? config.cmd : config.entrypoint;
  if (words.empty()) return;
  const std::string& program = words.front();
  bool found = false;
  if (program.find('/') == std::string::npos) {
    found = is_in_path(root, config, program);
  } else {
    found = root.has_program(program.starts_with('/') ? program : "/" + config.working_dir + "/" + program);
  }
  if (!found) notes.push_back("the image has no program \"" + shown(program) + "\", so it will not start");
}

}  // namespace

Result<void> check_contents(image::Source& source, const image::Image& image, std::vector<std::string>& notes) {
  auto folder = TemporaryFolder::make("blindbox-build", "/var/tmp");
  if (!folder) return base::pass_on(folder);
  TransferProgress progress;
  image::UnpackOptions unpack;
  unpack.device_nodes = image::DeviceNodes::skip;
  unpack.progress = std::ref(progress);
  const std::string place = **folder / "rootfs";
  auto done = image::unpack(source, image, place, unpack);
  if (!done) return base::pass_on(done);
  if (done->skipped_devices > 0) {
    notes.push_back(
        fmt::format("the image holds {} device nodes, which the application will not see", done->skipped_devices));
  }
  const Root root(place);
  const image::Config& config = image.config;
  if (!config.working_dir.empty() && !root.has_folder(config.working_dir))
    notes.push_back("the working directory " + shown(config.working_dir) + " is no folder of the image");
  check_user(root, config.user, notes);
  check_program(root, config, notes);
  return {};
}

}  // namespace blindbox::apps
