// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/fuse_guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "blindbox/emulator/internal/fuse_operations.h"

// libfuse's logging and its loop by hand live in the low-level header.
#include <fuse_log.h>
#include <fuse_lowlevel.h>

namespace blindbox::emulator {
namespace {

thread_local std::string last_fuse_message;

// libfuse says why a mount failed on stderr alone; kept for the error, and out of a user's sight otherwise.
void keep_message(fuse_log_level level, const char* format, va_list arguments) {
  if (level > FUSE_LOG_WARNING) return;
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  last_fuse_message = text.data();
  while (!last_fuse_message.empty() && last_fuse_message.back() == '\n') last_fuse_message.pop_back();
}

bool on_path(const char* program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (true) {
    const std::size_t colon = rest.find(':');
    const std::string folder(rest.substr(0, colon));
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
    if (colon == std::string_view::npos) return false;
    rest.remove_prefix(colon + 1);
  }
}

Result<void> check_tools() {
  const char* install = "install the packages fuse3 and, in a container, pass the device /dev/fuse";
  const base::Fd fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!fuse) {
    return base::fail(ErrorKind::platform, std::string("cannot open /dev/fuse: ") + std::strerror(errno),
                      "the emulator presents its device by FUSE", install);
  }
  if (::geteuid() != 0 && !on_path("fusermount3")) {
    return base::fail(ErrorKind::platform, "there is no fusermount3 on the PATH", "the emulator mounts by it", install);
  }
  return {};
}

Result<void> check_folder(const std::string& folder) {
  struct stat info {};
  struct stat parent {};
  if (::stat(folder.c_str(), &info) != 0) {
    const bool stale = errno == ENOTCONN;
    return base::fail(ErrorKind::io, "cannot mount on " + folder + ": " + std::strerror(errno), {},
                      stale ? "an emulator died there: fusermount3 -u " + folder : "make the folder first");
  }
  if (!S_ISDIR(info.st_mode)) return base::fail(ErrorKind::io, "cannot mount on " + folder + ": it is not a folder");
  if (::stat((folder + "/..").c_str(), &parent) == 0 && parent.st_dev != info.st_dev) {
    return base::fail(ErrorKind::io, "cannot mount on " + folder + ": it is a mount point already", {},
                      "stop the emulator that runs there, or choose another folder");
  }
  std::error_code error;
  if (!std::filesystem::is_empty(folder, error) || error) {
    return base::fail(ErrorKind::io, "cannot mount on " + folder + ": it is not empty");
  }
  return {};
}

}  // namespace

struct FuseGuest::State {
  explicit State(std::shared_ptr<Device> device) : served(std::move(device)) {}
  ~State() {
    if (fuse == nullptr) return;
    if (mounted) fuse_unmount(fuse);
    fuse_destroy(fuse);
  }
  internal::Served served;
  struct fuse* fuse = nullptr;
  bool mounted = false;
};

FuseGuest::FuseGuest(std::unique_ptr<State> state) : state_(std::move(state)) {}
FuseGuest::~FuseGuest() = default;

TsmFolder& FuseGuest::tsm() { return state_->served.tsm; }

Result<std::unique_ptr<FuseGuest>> FuseGuest::mount(const std::string& folder, std::shared_ptr<Device> device) {
  if (auto good = check_folder(folder); !good) return base::pass_on(good);
  if (auto good = check_tools(); !good) return base::pass_on(good);

  fuse_set_log_func(keep_message);
  last_fuse_message.clear();
  auto state = std::make_unique<State>(std::move(device));
  fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  for (const char* one : {"blindbox", "-o", "fsname=blindbox-emulator,subtype=blindbox"})
    fuse_opt_add_arg(&arguments, one);
  state->fuse = fuse_new(&arguments, &internal::operations(), sizeof(fuse_operations), &state->served);
  fuse_opt_free_args(&arguments);
  state->mounted = state->fuse != nullptr && fuse_mount(state->fuse, folder.c_str()) == 0;
  if (!state->mounted) {
    return base::fail(ErrorKind::platform, "cannot mount the emulated guest on " + folder, last_fuse_message);
  }
  // serve() polls; a request that is taken back between poll and read must not hold it up.
  const int fd = fuse_session_fd(fuse_get_session(state->fuse));
  (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  return std::unique_ptr<FuseGuest>(new FuseGuest(std::move(state)));
}

void FuseGuest::serve(int stop_fd) {
  fuse_session* session = fuse_get_session(state_->fuse);
  fuse_buf buffer{};
  int left = 64;  // once told to stop
  while (fuse_session_exited(session) == 0) {
    std::array<pollfd, 2> waiting{pollfd{fuse_session_fd(session), POLLIN, 0}, pollfd{stop_fd, POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) break;
    // What waits already is answered first, within bounds: mostly releases, which come after their close.
    if (waiting[1].revents != 0 && (waiting[0].revents == 0 || --left == 0)) break;
    if (waiting[0].revents == 0) continue;
    const int got = fuse_session_receive_buf(session, &buffer);
    if (got == -EINTR || got == -EAGAIN) continue;
    if (got <= 0) break;
    fuse_session_process_buf(session, &buffer);
  }
  std::free(buffer.mem);
}

Result<std::unique_ptr<MountedGuest>> MountedGuest::start(const std::string& folder, std::shared_ptr<Device> device) {
  base::Fd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) return base::fail(ErrorKind::io, std::string("cannot make an eventfd: ") + std::strerror(errno));
  auto guest = FuseGuest::mount(folder, std::move(device));
  if (!guest) return base::pass_on(guest);
  return std::unique_ptr<MountedGuest>(new MountedGuest(std::move(*guest), std::move(stop)));
}

MountedGuest::MountedGuest(std::unique_ptr<FuseGuest> guest, base::Fd stop)
    : guest_(std::move(guest)), stop_(std::move(stop)), thread_([this] { guest_->serve(stop_.get()); }) {}

MountedGuest::~MountedGuest() {
  (void)::eventfd_write(stop_.get(), 1);
  thread_.join();
}

}  // namespace blindbox::emulator
