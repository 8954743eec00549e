// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>

#include "blindbox/base/file.h"
#include "blindbox/infill/infill.h"
#include "command.h"

namespace blindbox::apps {
namespace {

constexpr std::size_t kFileCap = 4 * 1024 * 1024;

struct Options {
  std::string position;
  std::string proxy = "http://127.0.0.1:8765";
  infill::Options infill;
};

struct Position {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
};

Result<Position> parse_position(const std::string& text) {
  const auto second = text.rfind(':');
  const auto first = second == std::string::npos || second == 0 ? std::string::npos : text.rfind(':', second - 1);
  const auto number = [](std::string_view digits, std::size_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() && value > 0;
  };
  Position position;
  if (first == std::string::npos || first == 0 ||
      !number(std::string_view(text).substr(first + 1, second - first - 1), position.line) ||
      !number(std::string_view(text).substr(second + 1), position.column)) {
    return base::fail(ErrorKind::usage, "not a position: " + text, "", "write FILE:LINE:COLUMN, both counted from 1");
  }
  position.file = text.substr(0, first);
  return position;
}

// Columns count characters, as editors show them, not bytes.
Result<infill::Hole> split_at(const std::string& text, const Position& position) {
  std::size_t at = 0;
  for (std::size_t line = 1; line < position.line; ++line) {
    const auto newline = text.find('\n', at);
    if (newline == std::string::npos) {
      return base::fail(ErrorKind::usage, position.file + " has " + std::to_string(line) + " lines, not " +
                                              std::to_string(position.line));
    }
    at = newline + 1;
  }
  for (std::size_t column = 1; column < position.column; ++column) {
    if (at >= text.size() || text[at] == '\n') {
      return base::fail(ErrorKind::usage, "line " + std::to_string(position.line) + " of " + position.file + " has " +
                                              std::to_string(column - 1) + " characters, so its columns go to " +
                                              std::to_string(column));
    }
    do ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  }
  return infill::Hole{text.substr(0, at), text.substr(at)};
}

int complete(const Options& options) {
  auto position = parse_position(options.position);
  auto server = net::parse_url(options.proxy, "http", 80);
  if (server) server = loopback_only(*server, "the proxy is on this machine only");
  if (!position || !server) return report(position ? server.error() : position.error());
  auto contents = base::read_file(position->file, kFileCap);
  if (!contents) return report(contents.error());
  const std::string text(base::as_text(*contents));
  if (!base::is_utf8(text)) return report({ErrorKind::malformed, position->file + " is not UTF-8 text", "", ""});
  auto hole = split_at(text, *position);
  if (!hole) return report(hole.error());
  boost::asio::io_context io;
  bool begun = false;
  auto filled = run(io, infill::fill(*server, *hole, options.infill, [&begun](std::string_view piece) {
                      begun = true;
                      fmt::print("{}", piece);
                      std::fflush(stdout);
                    }));
  if (filled || begun) fmt::print("\n");
  std::fflush(stdout);
  if (filled && filled->emulated) fmt::print(stderr, "*** EMULATED, NOT A TEE ***\n");
  if (filled) return 0;
  Error error = filled.error();
  if (error.what.starts_with("cannot connect to ")) {
    error.hint = "no proxy is there: run \"blindbox connect URL --policy FILE\" first, or name another with --proxy";
  }
  return report(error);
}

}  // namespace

void add_complete(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command =
      app.add_subcommand("complete", "fill the hole at a position of a file and print the tokens as they are made");
  command->add_option("FILE:LINE:COLUMN", options->position, "where; lines and columns are counted from 1")->required();
  command->add_option("--proxy", options->proxy, "the proxy that \"blindbox connect\" runs")
      ->type_name("URL")
      ->capture_default_str();
  command->add_option("--max-tokens", options->infill.max_tokens, "at most so many")
      ->check(CLI::Range(1U, 4096U))
      ->capture_default_str();
  command->add_flag("--line", options->infill.single_line, "stop at the end of the line");
  command->callback([options, &action] { action = [options] { return complete(*options); }; });
}

}  // namespace blindbox::apps
