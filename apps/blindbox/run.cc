// SPDX-License-Identifier: Apache-2.0
// "blindbox run": a wrapped image on this machine, under an OCI runtime, with
// the emulator in place of the hardware: the whole of it can be tried before
// any cloud.
#include <fcntl.h>
#include <fmt/format.h>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <functional>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>

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
    for (const auto& step : {&Runner::unpack, &Runner::start_emulator, &Runner::write_policy, &Runner::write_bundle}) {
      if (auto done = (this->*step)(); !done) return base::pass_on(done);
      if (auto asked = not_asked_to_end(); !asked) return base::pass_on(asked);
    }
    fmt::print(
        "*** EMULATED, NOT A TEE: whoever runs this machine can read "
        "everything ***\npolicy: {}\n",
        policy_);
    std::fflush(stdout);
    return run_container();
  }

 private:
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
    unpack.device_nodes = image::DeviceNodes::skip;  // the runtime makes those
                                                     // that a container has
    unpack.progress = std::ref(progress);
    auto done = image::unpack(**source, *image, folder_ / "rootfs", unpack);
    return done ? Result<void>{} : base::pass_on(done);
  }

  Result<void> start_emulator() {
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
    bundle.user = ::geteuid();
    bundle.group = ::getegid();
    return base::write_file(folder_ / "config.json", base::view(runtime_config(bundle)));
  }

  // Signals that end us are the container's; the runtime hands them on to
  // blindbox-init, which drains.
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
    while (::waitpid(*pid, &status, WNOHANG) == 0) {
      const int number = ::sigwaitinfo(&waited, nullptr);
      if (number > 0 && number != SIGCHLD) ::kill(*pid, number == SIGHUP ? SIGTERM : number);
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

  // In a process group of its own: a terminal's Ctrl-C reaches us alone, and
  // through us the container once.
  Result<pid_t> spawn(const std::vector<std::string>& command, const sigset_t& signals) const {
    std::vector<char*> argv;
    argv.reserve(command.size() + 1);
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    ::posix_spawnattr_setsigmask(&attributes, &signals);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, argv[0], nullptr, &attributes, argv.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    if (error == 0) return pid;
    return base::fail(ErrorKind::platform, "cannot start " + command.front() + ": " + std::strerror(error), "",
                      "install an OCI runtime (on Debian: apt install runc), or name one "
                      "with --runtime");
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
                   "where to write the policy.yml that a client needs; else a "
                   "temporary place, which is printed")
      ->type_name("FILE");
  command->add_option("--keys", options->keys, "keep the emulator's keys there, so that policies stay valid")
      ->type_name("DIR");
  command->add_option("--runtime", options->runtime, "the OCI runtime")->type_name("PROGRAM")->capture_default_str();
  add_image_options(*command, options->images);
  command->callback([options, &action] { action = [options] { return run_image(*options); }; });
}

}  // namespace blindbox::apps
