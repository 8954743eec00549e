// SPDX-License-Identifier: Apache-2.0
// blindbox connect: the proxy on the user's machine.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "attempt_log.h"
#include "blindbox/base/file.h"
#include "command.h"
#include "connect_servers.h"
#include "runtime_file.h"
#include "service.h"

namespace blindbox::apps {
namespace {

struct Options {
  ServerOptions servers;
  std::string listen = "127.0.0.1:8765";
  std::string token_file;
  std::string scan = "warn";
  std::vector<std::string> projects;
  std::vector<std::string> ignore_files;
  std::string ledger = "on";
  std::string ledger_dir;
  bool keep_trying = false;
  bool install = false, remove = false;
};

constexpr std::string_view kUnix = "unix:";

Result<std::string> read_token(const std::string& file) {
  if (file.empty()) return std::string();
  constexpr std::size_t kCap = 4096, kLeast = 16;
  auto text = base::read_file(file, kCap);
  if (!text) return base::pass_on(text);
  std::string token(base::as_text(*text));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  const bool plain = token.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=") ==
                     std::string::npos;
  if (token.size() < kLeast || !plain) {
    return base::fail(ErrorKind::usage, "the token in " + file + " cannot be used", "",
                      "at least 16 letters, digits or -._~+/=; for instance: openssl rand -hex 24 > " + file);
  }
  return token;
}

Result<void> check_listen(const std::string& text) {
  if (text.starts_with(kUnix)) return {};
  auto at = net::parse_host_port(text);
  if (at) at = loopback_only(*at, "the proxy listens on loopback only");
  if (!at) return base::pass_on(at);
  return {};
}

Result<net::Acceptor> listen(boost::asio::io_context& io, const std::string& text) {
  if (text.starts_with(kUnix)) return net::listen_unix(io.get_executor(), text.substr(kUnix.size()));
  auto at = net::parse_host_port(text);
  if (!at) return base::pass_on(at);
  return net::listen_tcp(io.get_executor(), *at);
}

Result<void> keep_ledger(const Options& options, proxy::Options& into) {
  if (options.ledger == "off") return {};
  ledger::WriterOptions writer;
  writer.folder = options.ledger_dir.empty() ? ledger::default_folder() : options.ledger_dir;
  into.ledger_folder = writer.folder;
  into.ledger_required = options.ledger == "required";
  auto opened = ledger::Writer::open(std::move(writer));
  if (!opened && into.ledger_required) return base::pass_on(opened);
  if (!opened) {
    fmt::print(stderr, "blindbox: warning: no ledger is kept: {}\n", opened.error().what);
    return {};
  }
  into.ledger = std::make_shared<ledger::Writer>(std::move(*opened));
  return {};
}

Result<proxy::Options> proxy_options(const Options& options) {
  proxy::Options out;
  out.version = BLINDBOX_VERSION;
  out.only_this_user = options.listen.starts_with(kUnix);
  out.scan = *scan::parse_mode(options.scan);
  auto token = read_token(options.token_file);
  if (!token) return base::pass_on(token);
  out.token = std::move(*token);
  std::error_code error;
  std::vector<std::string> projects, files;
  for (const auto& one : options.projects) {
    // One that is mistyped would hold nothing back.
    if (!std::filesystem::is_directory(one, error)) {
      return base::fail(ErrorKind::usage, "--project " + one + " is no folder");
    }
    projects.push_back(std::filesystem::absolute(one, error).string());
  }
  for (const auto& one : options.ignore_files) {
    if (!std::filesystem::is_regular_file(one, error)) {
      return base::fail(ErrorKind::usage, "--ignore-file " + one + " is no file");
    }
    files.push_back(std::filesystem::absolute(one, error).string());
  }
  if (projects.empty()) projects.push_back(std::filesystem::current_path(error).string());
  files.push_back(profiles::default_folder() + "/ignore");
  out.ignore = std::make_shared<scan::IgnoreList>(std::move(projects), std::move(files));
  if (auto kept = keep_ledger(options, out); !kept) return base::pass_on(kept);
  return out;
}

// The first connection is made at start: a person sees the verdict before any editor sends anything.
net::Task<Result<void>> first_attestation(std::shared_ptr<proxy::Pool> pool) { co_return co_await pool->attest(); }

int serve(boost::asio::io_context& io, const Options& options, const std::vector<profiles::Profile>& chosen) {
  if (auto address = check_listen(options.listen); !address) return report(address.error());
  AttemptLog log(chosen.size() > 1);
  auto servers = make_servers(chosen, options.servers,
                              [&log](const std::string& name, const auto& outcome) { log.tell(name, outcome); });
  if (!servers) return report(servers.error());
  auto setup = proxy_options(options);
  if (!setup) return report(setup.error());
  auto acceptor = listen(io, options.listen);
  if (!acceptor) return report(acceptor.error());
  auto first = run(io, first_attestation(servers->front().pool));
  const bool away = !first && (first.error().kind == ErrorKind::network || first.error().kind == ErrorKind::platform);
  if (!first && !(away && options.keep_trying)) return report(first.error());
  if (!first) fmt::print(stderr, "blindbox: warning: not connected yet: {}\n", first.error().what);
  if (!options.servers.save.empty()) {
    if (auto saved = save_profile(chosen.front(), options.servers.make_default); !saved) return report(saved.error());
    fmt::print("saved: {} as {}\n", chosen.front().url, options.servers.save);
  }
  log.started();

  Signals signals(io);
  const bool local = options.listen.starts_with(kUnix);
  setup->servers = std::move(*servers);
  for (const proxy::Server& server : setup->servers) server.pool->start(io.get_executor());
  // The port may be the system's choice.
  const std::string at =
      local ? options.listen
            : net::HostPort{net::parse_host_port(options.listen)->host, net::bound_port(*acceptor)}.text();
  setup->listen = at;
  proxy::Proxy proxy(std::move(*acceptor), std::move(*setup));
  proxy.start();
  auto runtime = RuntimeFile::make({::getpid(), at});
  if (!runtime)
    fmt::print(stderr, "blindbox: warning: \"blindbox status\" will not see this: {}\n", runtime.error().what);
  fmt::print("ready: point editors at {}{}\n", local ? "" : "http://", at);
  std::fflush(stdout);
  const int status = signals.run([&proxy] { return proxy.drain(std::chrono::seconds(10)); });
  if (local) ::unlink(options.listen.substr(kUnix.size()).c_str());
  return status;
}

// The same command line, made to stand alone: whole paths, and no terminal to give up on.
std::vector<std::string> service_arguments(const Options& options) {
  std::error_code error;
  const auto whole = [&](const std::string& path) { return std::filesystem::absolute(path, error).string(); };
  std::vector<std::string> out = {"connect", "--keep-trying"};
  const auto add = [&out](const char* name, const std::string& value) {
    if (!value.empty()) out.insert(out.end(), {name, value});
  };
  out.insert(out.end(), options.servers.servers.begin(), options.servers.servers.end());
  if (options.servers.policy) add("--policy", whole(*options.servers.policy));
  const ReleaseOptions& release = options.servers.release;
  for (const auto& one : release.files) add("--release", whole(one));
  if (release.trust) add("--trust", whole(*release.trust));
  if (release.platform) add("--release-platform", *release.platform);
  if (release.state_folder) add("--state-dir", whole(*release.state_folder));
  const bool local = options.listen.starts_with(kUnix);
  add("--listen", local ? std::string(kUnix) + whole(options.listen.substr(kUnix.size())) : options.listen);
  if (!options.token_file.empty()) add("--token-file", whole(options.token_file));
  add("--scan", options.scan);
  add("--ledger", options.ledger);
  if (!options.ledger_dir.empty()) add("--ledger-dir", whole(options.ledger_dir));
  for (const auto& one : options.projects) add("--project", whole(one));
  if (options.projects.empty()) add("--project", std::filesystem::current_path(error).string());
  for (const auto& one : options.ignore_files) add("--ignore-file", whole(one));
  add("--hold", std::to_string(options.servers.hold));
  if (options.servers.endorsements.offline) out.emplace_back("--offline");
  add("--kds-url", options.servers.endorsements.kds_url);
  if (options.servers.endorsements.cache_dir) add("--cache-dir", whole(*options.servers.endorsements.cache_dir));
  return out;
}

int connect(const Options& options) {
  if (options.remove) {
    auto removed = remove_service();
    return removed ? 0 : report(removed.error());
  }
  auto chosen = chosen_profiles(options.servers);
  if (!chosen) return report(chosen.error());
  if (options.install) {
    for (const auto& one : *chosen) {
      if (auto policy = policy_for(one, options.servers); !policy) return report(policy.error());
    }
    auto installed = install_service(service_arguments(options));
    return installed ? 0 : report(installed.error());
  }
  raise_descriptor_limit();
  boost::asio::io_context io;
  return serve(io, options, *chosen);
}

void add_options(CLI::App& command, Options& options) {
  command.add_option("SERVER", options.servers.servers,
                     "names from connections.yml, or one URL, https://host:port; the first takes the requests that\n"
                     "choose none; without any, all that are saved");
  command
      .add_option_function<std::string>(
          "--policy", [&options](const std::string& file) { options.servers.policy = file; },
          "what to accept of the URL (policy.yml)")
      ->type_name("FILE");
  add_release_options(command, options.servers.release);
  command.add_option("--save", options.servers.save, "save the URL and its policy under this name once it is accepted")
      ->type_name("NAME");
  command.add_flag("--default", options.servers.make_default, "what is saved becomes the default")->needs("--save");
  command.add_option("--listen", options.listen, "where editors connect; port 0 takes a free one, unix:PATH a socket")
      ->type_name("ADDR:PORT")
      ->capture_default_str();
  command.add_option("--token-file", options.token_file, "take requests only with the token that this file holds")
      ->type_name("FILE");
  command.add_option("--scan", options.scan, "what becomes of secrets in requests")
      ->check(CLI::IsMember({"off", "warn", "redact", "block"}))
      ->capture_default_str();
  command
      .add_option("--project", options.projects,
                  "a folder that relative file names lie in, whose .blindboxignore holds; here unless given")
      ->type_name("DIR");
  command.add_option("--ignore-file", options.ignore_files, "more patterns of files that must never leave")
      ->type_name("FILE");
  command.add_option("--ledger", options.ledger, "record every request; required: send none that cannot be recorded")
      ->check(CLI::IsMember({"on", "required", "off"}))
      ->capture_default_str();
  command
      .add_option("--ledger-dir", options.ledger_dir,
                  "$XDG_STATE_HOME/blindbox or ~/.local/state/blindbox unless given")
      ->type_name("DIR");
  command.add_option("--hold", options.servers.hold, "how many seconds a request waits for a server that is away")
      ->type_name("SECONDS")
      ->capture_default_str();
  command.add_flag("--keep-trying", options.keep_trying, "start although the server cannot be reached yet");
  auto* const install =
      command.add_flag("--install-service", options.install, "run this as a service of your systemd, from now on");
  command.add_flag("--remove-service", options.remove, "end and remove that service")->excludes(install);
}

}  // namespace

void add_connect(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "connect",
      "the proxy on your machine: plain HTTP on loopback in, attested TLS out; nothing of a request\n"
      "leaves before the server's evidence is accepted");
  add_options(*command, *options);
  add_endorsements_options(*command, options->servers.endorsements);
  command->callback([options, &action] { action = [options] { return connect(*options); }; });
}

}  // namespace blindbox::apps
