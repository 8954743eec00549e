// SPDX-License-Identifier: Apache-2.0
#include "engine_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::apps {
namespace {

using base::Fd;
using nlohmann::json;

constexpr std::size_t kReadyCap = 64 * 1024;
constexpr std::chrono::seconds kEndOfItself{2};
constexpr std::string_view kEndedWell = "exit status 0";

tl::unexpected<Error> io_failure(const std::string& what) {
  return base::fail(ErrorKind::io, what + ": " + std::strerror(errno));
}

Result<std::unique_ptr<TemporaryFolder>> private_folder() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  return TemporaryFolder::make_in(runtime != nullptr && *runtime != '\0' ? runtime : "/tmp", "blindbox-engine");
}

std::string how_of(int status) {
  return WIFSIGNALED(status) ? std::string("signal ") + ::strsignal(WTERMSIG(status))
                             : "exit status " + std::to_string(WEXITSTATUS(status));
}

Result<Fd> listen_unix(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return base::fail(ErrorKind::io, "the path of the engine's socket is too long: " + path);
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 128) != 0) {
    return io_failure("cannot listen on " + path);
  }
  return socket;
}

std::vector<std::string> engine_arguments(const EngineOptions& options) {
  std::vector<std::string> arguments = {"blindbox",       "engine",
                                        "--model",        options.model,
                                        "--model-sha256", base::to_hex(options.model_sha256),
                                        "--parent",       std::to_string(::getpid())};
  if (options.threads != 0) arguments.insert(arguments.end(), {"--threads", std::to_string(options.threads)});
  if (!options.keys.empty()) arguments.insert(arguments.end(), {"--keys", options.keys});
  if (spdlog::should_log(spdlog::level::debug)) arguments.insert(arguments.begin() + 1, "--verbose");
  return arguments;
}

Result<pid_t> spawn(const std::vector<std::string>& arguments, const std::array<int, 3>& descriptors) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Above the targets first, so that no dup2 overwrites what another still needs.
  constexpr int kAbove = 20;
  constexpr std::array kTargets = {kEngineListenFd, kEngineReadyFd, kEngineModelFd};
  for (std::size_t i = 0; i < kTargets.size(); ++i) {
    posix_spawn_file_actions_adddup2(&actions, descriptors[i], kAbove + static_cast<int>(i));
  }
  for (std::size_t i = 0; i < kTargets.size(); ++i) {
    posix_spawn_file_actions_adddup2(&actions, kAbove + static_cast<int>(i), kTargets[i]);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, kEngineModelFd + 1);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return base::fail(ErrorKind::internal, std::string("cannot start the engine: ") + std::strerror(error));
  return pid;
}

// The child's one line, or what there is of it when it ends or nobody waits for it.
std::string read_line(int fd, const std::function<bool()>& go_on) {
  std::string line;
  std::array<char, 4096> piece{};
  while (line.find('\n') == std::string::npos && line.size() < kReadyCap) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, 100) == 0) {
      if (!go_on()) break;
      continue;
    }
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    line.append(piece.data(), static_cast<std::size_t>(got));
  }
  return line;
}

Error error_of(const json& error) {
  const auto kind = error.value("kind", static_cast<int>(ErrorKind::internal));
  return {static_cast<ErrorKind>(kind), error.value("what", ""), error.value("detail", ""), error.value("hint", "")};
}

Result<base::Sha256> digest_of(const json& value) {
  auto bytes = base::from_hex(value.get<std::string>());
  base::Sha256 digest{};
  if (!bytes || bytes->size() != digest.size())
    return base::fail(ErrorKind::internal, "the engine's report has no digest");
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

Result<evidence::ServiceManifest::Model> parse_ready(const std::string& line, const base::Sha256& sha256) {
  try {
    const json report = json::parse(line);
    if (report.contains("error")) return tl::unexpected<Error>(error_of(report.at("error")));
    auto tokenizer = digest_of(report.at("tokenizer_sha256"));
    if (!tokenizer) return base::pass_on(tokenizer);
    return evidence::ServiceManifest::Model{report.at("id").get<std::string>(), sha256, *tokenizer};
  } catch (const json::exception&) {
    return base::fail(ErrorKind::internal, "the engine's report cannot be read");
  }
}

}  // namespace

std::string engine_ready_line(const std::string& id, const std::string& tokenizer_sha256) {
  const json line = {{"id", id}, {"tokenizer_sha256", tokenizer_sha256}};
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string engine_error_line(const Error& error) {
  const json line = {
      {"error",
       {{"kind", static_cast<int>(error.kind)}, {"what", error.what}, {"detail", error.detail}, {"hint", error.hint}}}};
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<EngineProcess> EngineProcess::start(const EngineOptions& options, const std::function<bool()>& go_on) {
  EngineProcess engine;
  auto folder = private_folder();
  if (!folder) return base::pass_on(folder);
  engine.folder_ = std::move(*folder);
  engine.socket_path_ = *engine.folder_ / "engine.sock";
  auto listening = listen_unix(engine.socket_path_);
  if (!listening) return base::pass_on(listening);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return io_failure("cannot make a pipe");
  const Fd reading(pipe[0]);
  Fd writing(pipe[1]);
  auto pid = spawn(engine_arguments(options), {listening->get(), writing.get(), options.memory});
  if (!pid) return base::pass_on(pid);
  engine.pid_ = *pid;
  writing.reset();
  const std::string line = read_line(reading.get(), go_on);
  if (!go_on()) return base::fail(ErrorKind::cancelled, "interrupted while the model was loading");
  if (!line.ends_with('\n')) return engine.ended_too_early();
  auto model = parse_ready(line, options.model_sha256);
  if (!model) return base::pass_on(model);
  engine.model_ = std::move(*model);
  return engine;
}

// The pipe is closed: the process has ended, or is about to.
tl::unexpected<Error> EngineProcess::ended_too_early() {
  int status = 0;
  if (!wait_for_end(kEndOfItself)) send(SIGKILL);
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return base::fail(ErrorKind::model, "the engine ended before it was ready", how_of(status),
                    WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                        ? "most likely there is not memory enough for the model: see the kernel's log, or the limit of "
                          "the container"
                        : "what it said stands above; are there memory and descriptors enough for the model?");
}

EngineProcess::EngineProcess(EngineProcess&& other) noexcept
    : folder_(std::move(other.folder_)),
      socket_path_(std::move(other.socket_path_)),
      pid_(std::exchange(other.pid_, -1)),
      model_(std::move(other.model_)) {}

EngineProcess::~EngineProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
  }
}

void EngineProcess::send(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

// Asked, and not waited for: where pidfd_open is filtered, as older containers do, there is no event to wait for.
bool EngineProcess::wait_for_end(std::chrono::milliseconds limit) const {
  const auto until = std::chrono::steady_clock::now() + limit;
  do {
    siginfo_t seen{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &seen, WEXITED | WNOHANG | WNOWAIT) == 0 && seen.si_pid == pid_) {
      return true;
    }
    (void)::poll(nullptr, 0, 10);
  } while (std::chrono::steady_clock::now() < until);
  return false;
}

Result<void> EngineProcess::finish(std::chrono::milliseconds limit) {
  if (pid_ <= 0) return {};
  send(SIGUSR1);
  std::string how;
  if (!wait_for_end(limit) || !ended(how)) {
    return base::fail(ErrorKind::internal, "the engine does not end, and is killed");
  }
  if (how == kEndedWell) return {};
  return base::fail(ErrorKind::internal, "the engine did not end well: " + how);
}

bool EngineProcess::ended(std::string& how) {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  pid_ = -1;
  how = how_of(status);
  return true;
}

}  // namespace blindbox::apps
