// SPDX-License-Identifier: Apache-2.0
// "blindbox run": a wrapped image on this machine, under an OCI runtime, with
// the emulator in place of the hardware: the whole of it can be tried before
// any cloud.
#include <fcntl.h>
#include <fmt/format.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <tuple>
#include <utility>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "blindbox/attester/attester.h"
#include "blindbox/base/file.h"
#include "blindbox/image/unpack.h"
#include "blindbox/wrap/inspect.h"
#include "child.h"
#include "client_policy.h"
#include "images.h"
#include "oci_bundle.h"
#include "temporary_folder.h"

namespace blindbox::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kPatience{2};
constexpr const char* kEmulatorInside = "/run/blindbox-emulator";

struct Options {
  std::string tag;
  std::string listen;
  std::string runtime = "runc";
  std::string write_policy;
  std::string keys;
  std::vector<std::string> environment;
  ImageOptions images;
};

// What the container is started with must be what the specification lets in.
Result<void> check_environment(const Options& options, const specification::Specification& specification) {
  const auto& passed = specification.environment_passed;
  for (const std::string& entry : options.environment) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return base::fail(ErrorKind::usage, "--env takes NAME=value, not \"" + entry + "\"");
    }
    if (std::find(passed.begin(), passed.end(), entry.substr(0, equals)) == passed.end()) {
      return base::fail(ErrorKind::usage, "the image takes no variable " + entry.substr(0, equals), "",
                        "list it under environment in blindbox.yml, and build again");
    }
  }
  return {};
}

// Noted from the very beginning: a signal that ends us at once would leave folder, mount and emulator behind.
volatile std::sig_atomic_t ended_by = 0;

void note_signals() {
  struct sigaction action {};
  action.sa_handler = [](int number) { ended_by = number; };
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

Result<void> not_asked_to_end() {
  if (ended_by == 0) return {};
  return base::fail(ErrorKind::cancelled, "asked to end before the application was started");
}

class Runner {
 public:
  Runner(const Options& options, const TemporaryFolder& folder) : options_(options), folder_(folder) {}

  // The exit status of the application.
  Result<int> run() {
    if (auto there = find_runtime(); !there) return base::pass_on(there);
    for (const auto& step : {&Runner::unpack, &Runner::start_emulator, &Runner::write_policy, &Runner::write_bundle}) {
      if (auto done = (this->*step)(); !done) return base::pass_on(done);
      if (auto asked = not_asked_to_end(); !asked) return base::pass_on(asked);
    }
    fmt::print("*** EMULATED, NOT A TEE: whoever runs this machine can read everything ***\npolicy: {}\n", policy_);
    std::fflush(stdout);
    return run_container();
  }

 private:
  // Before anything is unpacked for it.
  Result<void> find_runtime() const {
    const char* const path = std::getenv("PATH");
    std::vector<std::string> places = {options_.runtime};
    if (options_.runtime.find('/') == std::string::npos) {
      places.clear();
      std::istringstream folders(path == nullptr ? "/usr/sbin:/usr/bin:/sbin:/bin" : path);
      for (std::string folder; std::getline(folders, folder, ':');) places.push_back(folder + "/" + options_.runtime);
    }
    for (const std::string& place : places) {
      if (::access(place.c_str(), X_OK) == 0) return {};
    }
    return base::fail(ErrorKind::platform, "cannot start " + options_.runtime + ": there is no such program", "",
                      "install an OCI runtime (on Debian: apt install runc), or name one with --runtime");
  }

  Result<void> unpack() {
    auto reference = tag_reference(options_.tag);
    if (!reference) return base::pass_on(reference);
    auto source = image::open_source(*reference, access(options_.images));
    if (!source) return base::pass_on(source);
    auto image = image::read_image(**source);
    if (!image) return base::pass_on(image);
    if (auto wrapped = check_wrapped(*image, options_.tag); !wrapped) return wrapped;
    auto found = wrap::inspect(**source, *image);
    if (!found) return base::pass_on(found);
    inspection_ = *std::move(found);
    if (auto fits = check_environment(options_, inspection_.specification); !fits) return fits;
    TransferProgress progress;
    image::UnpackOptions unpack;
    unpack.device_nodes = image::DeviceNodes::skip;  // the runtime makes those that a container has
    unpack.progress = std::ref(progress);
    auto done = image::unpack(**source, *image, folder_ / "rootfs", unpack);
    return done ? Result<void>{} : base::pass_on(done);
  }

  Result<void> start_emulator() {
    if (options_.keys.empty()) {
      fmt::print(stderr, "making the emulator's keys (some seconds; --keys DIR keeps them) ...\n");
    }
    fs::create_directory(folder_ / "guest");
    std::vector<std::string> arguments = {"emulator", "--mount", folder_ / "guest", "--exit-with-parent"};
    if (!options_.keys.empty()) arguments.insert(arguments.end(), {"--keys", options_.keys});
    auto guest = Child::start(arguments, folder_ / "emulator.log");
    if (!guest) return base::pass_on(guest);
    auto ready = guest->wait_for("ready: ", kPatience);
    if (!ready) {
      const auto log = base::read_file(folder_ / "emulator.log", std::size_t{1} << 20);
      return base::fail(ErrorKind::platform, "the emulator did not start", log ? std::string(base::as_text(*log)) : "");
    }
    emulator_.emplace(*std::move(guest));
    return {};
  }

  Result<void> write_policy() {
    auto platform = attester::parse_platform("emulator:" + (folder_ / "guest"));
    if (!platform) return base::pass_on(platform);
    auto attester = attester::open_attester(*platform);
    if (!attester) return base::pass_on(attester);
    auto evidence = (*attester)->attest({});
    if (!evidence) return base::pass_on(evidence);
    auto policy = client_policy(*evidence, {}, true);
    if (!policy) return base::pass_on(policy);
    policy->manifest = manifest_of_wrapped(inspection_);
    policy_ = options_.write_policy.empty() ? folder_ / "policy.yml" : options_.write_policy;
    const std::string text = policy::write_policy(*policy);
    return base::write_file(policy_, base::view(text));
  }

  Result<void> write_bundle() {
    const std::string at =
        options_.listen.empty() ? fmt::format("127.0.0.1:{}", inspection_.specification.tls_port) : options_.listen;
    if (auto parsed = net::parse_host_port(at); !parsed) return base::pass_on(parsed);
    BundleOptions bundle;
    bundle.arguments = {std::string(specification::kInitPath), "--platform", std::string("emulator:") + kEmulatorInside,
                        "--listen", at};
    bundle.environment = options_.environment;
    bundle.emulator = folder_ / "guest";
    bundle.emulator_inside = kEmulatorInside;
    bundle.hostname = "blindbox";
    bundle.hosts = folder_ / "hosts";
    constexpr std::string_view kHosts = "127.0.0.1 localhost blindbox\n::1 localhost ip6-localhost ip6-loopback\n";
    if (auto written = base::write_file(bundle.hosts, base::view(kHosts)); !written) return written;
    bundle.user = ::geteuid();
    bundle.group = ::getegid();
    return base::write_file(folder_ / "config.json", base::view(runtime_config(bundle)));
  }

  // Signals that end us are the container's; the runtime hands them on to blindbox-init, which drains.
  Result<int> run_container() {
    sigset_t waited;
    sigset_t before;
    ::sigemptyset(&waited);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&waited, number);
    ::sigprocmask(SIG_BLOCK, &waited, &before);
    // From here on they are waited for; one that came before is told by its note.
    if (auto asked = not_asked_to_end(); !asked) return base::pass_on(asked);
    auto pid =
        spawn({options_.runtime, "--root", folder_ / "state", "run", "--bundle", folder_.path(), name()}, before);
    if (!pid) return base::pass_on(pid);
    int status = 0;
    // A signal is lost on a container that is still being made: its first process is not blindbox-init yet. Whoever asked
    // is not kept waiting for ever either: blindbox-init ends within twenty seconds.
    using Clock = std::chrono::steady_clock;
    int held = 0;
    std::optional<Clock::time_point> asked_at;
    while (::waitpid(*pid, &status, WNOHANG) == 0) {
      const timespec patience{held != 0 ? 0 : 1, held != 0 ? 50'000'000 : 0};
      const int number = ::sigtimedwait(&waited, nullptr, &patience);
      if (number > 0 && number != SIGCHLD) {
        if (asked_at && held == 0) ::kill(*pid, SIGTERM);  // a second time
        if (!asked_at) held = number == SIGHUP ? SIGTERM : number;
        asked_at = asked_at.value_or(Clock::now());
      }
      if (held != 0 && (init_runs() || Clock::now() - *asked_at > std::chrono::seconds(5))) {
        ::kill(*pid, std::exchange(held, 0));
      }
      if (asked_at && Clock::now() - *asked_at > std::chrono::seconds(30)) ::kill(*pid, SIGKILL);
    }
    if (const auto tidied =
            spawn({options_.runtime, "--root", folder_ / "state", "delete", "--force", name()}, before)) {
      int ignored = 0;
      while (::waitpid(*tidied, &ignored, 0) < 0 && errno == EINTR) {
      }
    }
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // Whether the container's first process is blindbox-init already, and has been for a moment: it takes signals then.
  [[nodiscard]] bool init_runs() const {
    const auto text = base::read_file(folder_ / "state/" + name() + "/state.json", std::size_t{1} << 20);
    const auto state = text ? nlohmann::json::parse(base::as_text(*text), nullptr, false) : nlohmann::json();
    if (!state.is_object() || !state.contains("init_process_pid") || !state["init_process_pid"].is_number())
      return false;
    const std::string process = "/proc/" + std::to_string(state["init_process_pid"].get<long>());
    std::string command;
    std::getline(std::ifstream(process + "/comm"), command);
    std::ifstream status(process + "/status");
    for (std::string line; command == "init" && std::getline(status, line);) {
      // Blocked, so that they are read as they come.
      if (line.starts_with("SigBlk:")) return line.find_first_not_of("0\t ", 7) != std::string::npos;
    }
    return false;
  }

  // In a process group of its own: a terminal's Ctrl-C reaches us alone, and through us the container once. Its standard
  // input is nobody's, since a runtime that reads a terminal from there would be stopped. It ends when we do.
  Result<pid_t> spawn(const std::vector<std::string>& command, const sigset_t& signals) const {
    std::vector<char*> argv;
    argv.reserve(command.size() + 1);
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const base::Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const pid_t us = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return base::fail(ErrorKind::io, "cannot start " + command.front());
    if (pid > 0) return pid;
    std::ignore = ::setpgid(0, 0);
    std::ignore = ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    std::ignore = ::sigprocmask(SIG_SETMASK, &signals, nullptr);
    if (::getppid() == us && ::dup2(nothing.get(), STDIN_FILENO) == STDIN_FILENO) ::execvp(argv[0], argv.data());
    ::_exit(127);
  }

  [[nodiscard]] std::string name() const { return fs::path(folder_.path()).filename().string(); }

  const Options& options_;
  const TemporaryFolder& folder_;
  wrap::Inspection inspection_;
  std::optional<Child> emulator_;
  std::string policy_;
};

int run_image(const Options& options) {
  note_signals();
  auto folder = TemporaryFolder::make("blindbox-run", "/var/tmp");
  if (!folder) return report(folder.error());
  const auto status = Runner(options, **folder).run();
  return status ? *status : report(status.error());
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("run",
                                           "run a wrapped image on this machine, with an emulated processor. "
                                           "NOT A TEE: to try it before deploying");
  command->add_option("tag", options->tag, "a name from \"build --tag\", or docker://, oci:, docker-archive:")
      ->type_name("TAG")
      ->required();
  command->add_option("--listen", options->listen, "where clients connect; else 127.0.0.1 and the specification's port")
      ->type_name("ADDR:PORT");
  command->add_option("-e,--env", options->environment, "a variable for the application, of those that the image takes")
      ->type_name("NAME=VALUE");
  command
      ->add_option("--write-policy", options->write_policy,
                   "where to write the policy.yml that a client needs; else a temporary place, which is printed")
      ->type_name("FILE");
  command->add_option("--keys", options->keys, "keep the emulator's keys there, so that policies stay valid")
      ->type_name("DIR");
  command->add_option("--runtime", options->runtime, "the OCI runtime")->type_name("PROGRAM")->capture_default_str();
  add_image_options(*command, options->images);
  command->callback([options, &action] { action = [options] { return run_image(*options); }; });
}

}  // namespace blindbox::apps
