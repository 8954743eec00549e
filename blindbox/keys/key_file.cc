// SPDX-License-Identifier: Apache-2.0
#include "blindbox/keys/key_file.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <set>

#include "blindbox/base/file.h"
#include "blindbox/yaml/yaml.h"

namespace blindbox::keys {
namespace {

constexpr std::string_view kStart = "bb-";
constexpr std::size_t kIdLength = 12;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kMaxKeys = 4096;

// Plain words, so that they can stand in YAML, logs and tables as they are.
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-' || c == '@';
  });
}

base::Sha256 digest_of(const ByteArray<16>& salt, std::string_view secret) {
  Bytes bytes(salt.begin(), salt.end());
  const ByteView text = base::view(secret);
  bytes.insert(bytes.end(), text.begin(), text.end());
  const base::Sha256 digest = base::sha256(bytes);
  ::OPENSSL_cleanse(bytes.data(), bytes.size());
  return digest;
}

std::string word(yaml::Map& map, std::string_view key) {
  const yaml::Node node = map.need(key);
  std::string text = node.text();
  if (!is_word(text)) node.refuse("expected 1 to 64 letters, digits, \".\", \"_\", \"-\" or \"@\"");
  return text;
}

Limits read_limits(const yaml::Node& node) {
  yaml::Map map(node);
  Limits limits;
  if (const auto value = map.find("requests_per_minute")) limits.requests_per_minute = value->number<std::uint32_t>();
  if (const auto value = map.find("tokens_per_day")) limits.tokens_per_day = value->number<std::uint64_t>();
  if (const auto value = map.find("concurrent")) limits.concurrent = value->number<std::uint32_t>();
  map.finish();
  return limits;
}

Key read_key(const yaml::Node& node) {
  yaml::Map map(node);
  Key key;
  key.id = word(map, "id");
  key.tenant = word(map, "tenant");
  if (map.find("name")) key.name = word(map, "name");
  key.salt = map.need("salt").hex<16>();
  key.sha256 = map.need("sha256").hex<32>();
  if (const auto limits = map.find("limits")) key.limits = read_limits(*limits);
  if (const auto metrics = map.find("metrics")) key.metrics = metrics->boolean();
  if (const auto expires = map.find("expires")) {
    const auto time = base::from_iso8601(expires->text());
    if (!time) expires->refuse("expected a time such as 2027-01-31T00:00:00Z or a date");
    if (time) key.expires = *time;
  }
  map.finish();
  return key;
}

Error problem(const yaml::Problems& problems) {
  return {ErrorKind::usage, "the key file is not valid", problems.first.empty() ? problems.missing : problems.first,
          "\"blindbox key add\" writes such files"};
}

}  // namespace

Result<KeyFile> parse_key_file(std::string_view text, std::string_view name) {
  if (text.size() > kMaxFile) return base::fail(ErrorKind::limit, "the key file is larger than 1 MiB");
  auto tree = yaml::load(text, name, ErrorKind::usage);
  if (!tree) return base::pass_on(tree);
  yaml::Problems problems{std::string(name), {}, {}};
  const yaml::Node root(*tree, problems);
  yaml::Map map(root);
  const yaml::Node list = map.need("keys");
  KeyFile file;
  std::set<std::string> ids;
  for (const yaml::Node& node : yaml::Sequence(list).items()) {
    file.keys.push_back(read_key(node));
    if (!ids.insert(file.keys.back().id).second) node.refuse("this id stands twice: " + file.keys.back().id);
    if (file.keys.size() > kMaxKeys) node.refuse("more than " + std::to_string(kMaxKeys) + " keys");
    if (!problems.first.empty()) break;
  }
  map.finish();
  if (!problems.first.empty() || !problems.missing.empty()) return tl::unexpected<Error>(problem(problems));
  return file;
}

std::string write_key_file(const KeyFile& file) {
  std::string out =
      "# API keys of \"blindbox serve --keys\", written by \"blindbox key\". No key can be read from this file.\n";
  out += file.keys.empty() ? "keys: []\n" : "keys:\n";
  const auto line = [&out](const char* name, const std::string& value) {
    out += std::string("    ") + name + ": " + value + "\n";
  };
  for (const Key& key : file.keys) {
    out += "  - id: \"" + key.id + "\"\n";
    line("tenant", "\"" + key.tenant + "\"");
    if (!key.name.empty()) line("name", "\"" + key.name + "\"");
    line("salt", "\"" + base::to_hex(key.salt) + "\"");
    line("sha256", "\"" + base::to_hex(key.sha256) + "\"");
    if (key.metrics) line("metrics", "true");
    if (key.expires) line("expires", "\"" + base::to_iso8601(*key.expires) + "\"");
    const Limits& limits = key.limits;
    if (limits.requests_per_minute + limits.tokens_per_day + limits.concurrent == 0) continue;
    out += "    limits:\n";
    if (limits.requests_per_minute > 0) line("  requests_per_minute", std::to_string(limits.requests_per_minute));
    if (limits.tokens_per_day > 0) line("  tokens_per_day", std::to_string(limits.tokens_per_day));
    if (limits.concurrent > 0) line("  concurrent", std::to_string(limits.concurrent));
  }
  return out;
}

Result<KeyFile> load_key_file(const std::string& path) {
  auto bytes = base::read_file(path, kMaxFile);
  if (!bytes) return base::pass_on(bytes);
  return parse_key_file(base::as_text(*bytes), path);
}

Result<void> save_key_file(const std::string& path, const KeyFile& file) {
  return base::write_file(path, base::view(write_key_file(file)), 0600);
}

Result<NewKey> make_key(std::string tenant, std::string name) {
  if (!is_word(tenant) || (!name.empty() && !is_word(name))) {
    return base::fail(ErrorKind::usage, "not a name for a tenant or a key: " + (is_word(tenant) ? name : tenant),
                      "1 to 64 letters, digits, \".\", \"_\", \"-\" or \"@\"");
  }
  NewKey made;
  made.key.id = base::to_hex(base::random_bytes(kIdLength / 2));
  made.key.tenant = std::move(tenant);
  made.key.name = std::move(name);
  const Bytes salt = base::random_bytes(made.key.salt.size());
  std::copy(salt.begin(), salt.end(), made.key.salt.begin());
  made.secret = std::string(kStart) + made.key.id + "-" + base::to_hex(base::random_bytes(kSecretBytes));
  made.key.sha256 = digest_of(made.key.salt, made.secret);
  return made;
}

const Key* find_key(const KeyFile& file, std::string_view presented, base::Time now) {
  const std::size_t length = kStart.size() + kIdLength + 1 + 2 * kSecretBytes;
  if (presented.size() != length || !presented.starts_with(kStart)) return nullptr;
  const std::string_view id = presented.substr(kStart.size(), kIdLength);
  const auto key = std::find_if(file.keys.begin(), file.keys.end(), [&](const Key& one) { return one.id == id; });
  if (key == file.keys.end() || !base::constant_time_equal(digest_of(key->salt, presented), key->sha256))
    return nullptr;
  return key->expires && *key->expires <= now ? nullptr : &*key;
}

}  // namespace blindbox::keys
