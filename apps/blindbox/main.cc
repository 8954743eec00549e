// SPDX-License-Identifier: Apache-2.0
// blindbox: one binary for both sides. See blindbox(1).
#include <fcntl.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "command.h"

namespace {

// CLI11's messages in the form of ours: a sentence begins in lower case, a name like URL or --model keeps its spelling.
blindbox::Error usage(std::string what) {
  const auto letter = [&what](std::size_t at) { return static_cast<unsigned char>(what[at]); };
  if (what.size() > 1 && std::islower(letter(1)) != 0) what.front() = static_cast<char>(std::tolower(letter(0)));
  return {blindbox::ErrorKind::usage, std::move(what), "", "see \"blindbox --help\" and \"blindbox COMMAND --help\""};
}

// Where a standard stream is closed, the next descriptor takes its number, and messages would go into a connection.
void open_standard_streams() {
  int opened = 0;
  while (opened >= 0 && opened <= 2) opened = ::open("/dev/null", O_RDWR);
  if (opened > 2) ::close(opened);
}

// A verdict or a policy that a full disk cut off must not look like a success.
int finish(int status) {
  const int before = std::exchange(errno, 0);
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (written || status != 0) return status;
  // Where an earlier write has failed, its reason may be that of something else by now.
  const bool plausible = before == ENOSPC || before == EDQUOT || before == EFBIG || before == EIO || before == EPIPE;
  const int reason = errno == 0 && plausible ? before : errno;
  const std::string why = reason == 0 ? "" : std::string(": ") + std::strerror(reason);
  return blindbox::apps::report({blindbox::ErrorKind::io, "cannot write to standard output" + why, "", ""});
}

}  // namespace

int main(int argc, char** argv) {
  using namespace blindbox;
  open_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of "ulimit -f" is an error of the one write, as a full disk is
  spdlog::set_default_logger(spdlog::stderr_color_mt("blindbox"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S%z %l %v");

  CLI::App app("private code completion from an attested enclave", "blindbox");
  app.footer(
      "Exit status: 0 success, 2 usage, 3 malformed, 4 not authentic, 5 not acceptable, 6 could not fetch,\n"
      "7 policy, 8 model, 9 platform, 10 io, 11 limit, 12 cancelled, 13 protocol, 14 forbidden, 1 a fault of\n"
      "blindbox itself. The manual is blindbox(1).");
  // None is told below: CLI11 would say so of a misspelt one too, without naming it.
  app.require_subcommand(0, 1);
  bool verbose = false;
  app.add_flag("-v,--verbose", verbose, "log more; never code, keys or prompts");
  app.set_version_flag("--version", "blindbox " BLINDBOX_VERSION);

  apps::Action action;
  for (const auto& add : {apps::add_serve,    apps::add_connect, apps::add_status,  apps::add_ledger,
                          apps::add_verify,   apps::add_policy,  apps::add_checks,  apps::add_complete,
                          apps::add_lsp,      apps::add_demo,    apps::add_init,    apps::add_build,
                          apps::add_push,     apps::add_inspect, apps::add_run,     apps::add_image,
                          apps::add_emulator, apps::add_measure, apps::add_release, apps::add_deploy,
                          apps::add_model,    apps::add_key,     apps::add_version, apps::add_shell_completion,
                          apps::add_engine}) {
    add(app, action);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return finish(app.exit(error));  // --help and --version
    return apps::report(usage(error.what()));
  }
  if (!action) return apps::report(usage("no command was given"));
  spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
  // Third-party code may throw where memory or descriptors run out: say so instead of aborting.
  try {
    return finish(action());
  } catch (const std::exception& error) {
    if (std::ferror(stdout) != 0) return finish(0);  // fmt's way to say that it cannot print
    return apps::report({ErrorKind::internal, error.what(), "", ""});
  }
}
