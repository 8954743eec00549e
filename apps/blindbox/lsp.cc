// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/stdio.h"

#include <unistd.h>

#include "blindbox/net/socket_stream.h"
#include "blindbox/scan/ignore.h"
#include "command.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string proxy = "http://127.0.0.1:8765";
  bool stdio = false;
};

net::Task<Result<lsp::Line>> open_line(net::HostPort proxy) {
  auto socket = co_await net::connect_tcp(proxy, std::chrono::seconds(10));
  if (!socket) co_return base::pass_on(socket);
  Result<lsp::Line> line = lsp::Line();
  line->stream = std::make_unique<net::SocketStream>(std::move(*socket));
  line->host = proxy.text();
  co_return line;
}

int serve(const Options& options) {
  auto proxy = net::parse_url(options.proxy, "http", 80);
  if (proxy) proxy = loopback_only(*proxy, "the proxy is on this machine only");
  if (!proxy) return report(proxy.error());
  lsp::ServerOptions server{BLINDBOX_VERSION, "the proxy at " + options.proxy,
                            [at = *proxy]() -> net::Task<Result<lsp::Line>> { return open_line(at); }};
  const auto ignore = std::make_shared<scan::IgnoreList>(std::vector<std::string>(), std::vector<std::string>());
  server.may_leave = [ignore](const std::string& path, const std::string&) { return !ignore->ignores(path); };
  boost::asio::io_context loop;
  auto status = lsp::serve(loop, std::move(server), STDIN_FILENO, STDOUT_FILENO);
  return status ? *status : report(status.error());
}

}  // namespace

void add_lsp(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "lsp",
      "a language server on standard input and output: inline completion (LSP 3.18) for editors, and\n"
      "completion for those that have no other; an editor starts it, see docs/editors.md");
  command->add_option("--proxy", options->proxy, "the proxy that \"blindbox connect\" runs")
      ->type_name("URL")
      ->capture_default_str();
  command->add_flag("--stdio", options->stdio, "taken and not needed: there is no other way to talk to it");
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace blindbox::apps
