// SPDX-License-Identifier: Apache-2.0
#include "blindbox/probe/inside.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/base/json_watch.h"

namespace blindbox::probe {
namespace {

using nlohmann::json;

constexpr std::size_t kCap = std::size_t{64} << 10;
constexpr int kMaxDepth = 4;

json sockets_json(const std::vector<Outside>& sockets) {
  json out = json::array();
  for (const Outside& one : sockets) out.push_back({{"address", one.address}, {"port", one.port}});
  return out;
}

std::vector<Outside> sockets_of(const json& from) {
  std::vector<Outside> out;
  for (const json& one : from) out.push_back({one.at("address"), one.at("port")});
  return out;
}

json to_json(const Settings& from) {
  json writable = json::array();
  for (const WritableDirectory& one : from.writable) writable.push_back({{"path", one.path}, {"size", one.size}});
  return {{"application_port", from.application_port},
          {"deadline_ms", from.deadline.count()},
          {"device_folder", from.device_folder},
          {"init", from.init},
          {"nonce", base::to_hex(from.nonce)},
          {"outside_network", from.outside_network},
          {"quotas",
           {{"file_size", from.quotas.file_size},
            {"memory", from.quotas.memory},
            {"open_files", from.quotas.open_files},
            {"processes", from.quotas.processes}}},
          {"setuid_program", from.setuid_program},
          {"tcp", sockets_json(from.tcp)},
          {"udp", sockets_json(from.udp)},
          {"unix_abstract", from.unix_abstract},
          {"unix_paths", from.unix_paths},
          {"writable", std::move(writable)}};
}

Settings from_json(const json& from) {
  Settings out;
  const Bytes nonce = base::from_hex(from.at("nonce").get<std::string>()).value_or(Bytes{});
  if (nonce.size() == out.nonce.size()) std::ranges::copy(nonce, out.nonce.begin());
  out.application_port = from.at("application_port");
  for (const json& one : from.at("writable")) out.writable.push_back({one.at("path"), one.at("size")});
  out.tcp = sockets_of(from.at("tcp"));
  out.udp = sockets_of(from.at("udp"));
  out.unix_abstract = from.at("unix_abstract").get<std::vector<std::string>>();
  out.unix_paths = from.at("unix_paths").get<std::vector<std::string>>();
  out.init = from.at("init");
  out.outside_network = from.at("outside_network");
  const json& quotas = from.at("quotas");
  out.quotas = {quotas.at("memory"), quotas.at("processes"), quotas.at("file_size"), quotas.at("open_files")};
  out.setuid_program = from.at("setuid_program");
  out.device_folder = from.at("device_folder");
  out.deadline = std::chrono::milliseconds(from.at("deadline_ms").get<std::int64_t>());
  return out;
}

tl::unexpected<Error> malformed() { return base::fail(ErrorKind::malformed, "malformed settings of a probe"); }

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

std::string encode_settings(const Settings& settings) { return to_json(settings).dump(); }

Result<Settings> decode_settings(std::string_view text) {
  if (text.size() > kCap) return malformed();
  base::JsonWatch watch(kMaxDepth);
  const json parsed = json::parse(text, std::ref(watch), false);
  if (parsed.is_discarded() || watch.key_twice() || watch.too_deep()) return malformed();
  try {
    Settings settings = from_json(parsed);
    if (encode_settings(settings) != text) return malformed();
    return settings;
  } catch (const json::exception&) {
    return malformed();
  }
}

int run_inside(std::string_view text) {
  auto settings = decode_settings(text);
  if (!settings) return base::exit_code(settings.error().kind);
  settings->own_processes.push_back(::getppid());
  return write_all(encode(run_all(*settings))) ? 0 : base::exit_code(ErrorKind::io);
}

}  // namespace blindbox::probe
