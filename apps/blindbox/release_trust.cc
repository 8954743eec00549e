// SPDX-License-Identifier: Apache-2.0
// "blindbox release trust" and "release key": the keys that sign releases, and the root that lists them.
#include <fmt/format.h>

#include <algorithm>

#include "blindbox/base/file.h"
#include "release_files.h"
#include "release_options.h"

namespace blindbox::apps {
namespace {

using base::fail;
using release::TrustRoot;

struct Options {
  std::string root, out, expires = "730d";
  std::vector<std::string> add, remove, signers;
  std::optional<std::uint64_t> threshold;
};

Result<release::PublicKey> read_public_key(const std::string& path) {
  auto pem = base::read_file(path, release::kKeyFileCap);
  if (!pem) return base::pass_on(pem);
  return release::read_public_key(*pem, path);
}

Result<void> add_keys(const std::vector<std::string>& files, TrustRoot& root) {
  for (const std::string& file : files) {
    auto key = read_public_key(file);
    if (!key) return base::pass_on(key);
    const std::string id = release::key_id(*key);
    if (root.revoked.contains(id)) return fail(ErrorKind::usage, file + " was revoked and may not come back", id);
    if (!root.keys.emplace(id, *key).second) return fail(ErrorKind::usage, file + " is listed already", id);
  }
  return {};
}

// An id, the beginning of one, or a file with the public key.
Result<std::string> find_key(const std::string& text, const TrustRoot& root) {
  std::string id = text;
  if (const auto key = read_public_key(text)) id = release::key_id(*key);
  std::vector<std::string> found;
  for (const auto& [candidate, key] : root.keys) {
    if (candidate.starts_with(id)) found.push_back(candidate);
  }
  if (id.size() >= 8 && found.size() == 1) return found.front();
  return fail(ErrorKind::usage, "the trust root lists no such key: " + text, "",
              "name a file with the public key, or eight digits of its id or more");
}

// Says what is missing before the file counts; writing it is right all the same, since others sign too.
void say_missing(const release::Document& document, const TrustRoot& root, const TrustRoot* before) {
  const auto say = [&document](const TrustRoot& by, const char* whose) {
    const auto count = release::count_signatures(document, by.keys);
    if (count && *count < by.threshold) {
      fmt::print("it counts once {} more of {} keys have signed: blindbox release sign\n", by.threshold - *count,
                 whose);
    }
  };
  say(root, "its own");
  if (before != nullptr) say(*before, "the last version's");
}

Result<void> write_root(const TrustRoot& root, const TrustRoot* before, const Options& options) {
  release::Document document{.body = release::encode(root)};
  if (auto read = release::decode_trust_root(document, options.out); !read) {
    return fail(ErrorKind::usage, read.error().what);
  }
  if (auto absent = must_not_exist(options.out); !absent) return absent;
  if (auto written = sign_and_write(document, options.signers, options.out); !written) return written;
  fmt::print("{}: version {}, {} of {} keys, good until {}\n", options.out, root.version, root.threshold,
             root.keys.size(), base::to_iso8601(root.expires));
  say_missing(document, root, before);
  return {};
}

Result<void> first(const Options& options) {
  TrustRoot root;
  const Bytes drawn = base::random_bytes(root.id.size());
  std::ranges::copy(drawn, root.id.begin());
  root.threshold = options.threshold.value_or(release::kLeastThreshold);
  auto expires = parse_expiry(options.expires, base::now());
  if (!expires) return base::pass_on(expires);
  root.expires = *expires;
  if (auto added = add_keys(options.add, root); !added) return added;
  return write_root(root, nullptr, options);
}

// revoking: those that are removed may never come back.
Result<void> next(const Options& options, bool revoking) {
  auto document = read_document(options.root);
  if (!document) return base::pass_on(document);
  auto before = release::decode_trust_root(*document, options.root);
  if (!before) return base::pass_on(before);
  TrustRoot root = *before;
  ++root.version;
  root.threshold = options.threshold.value_or(before->threshold);
  auto expires = parse_expiry(options.expires, base::now());
  if (!expires) return base::pass_on(expires);
  root.expires = *expires;
  for (const std::string& text : options.remove) {
    auto id = find_key(text, *before);
    if (!id) return base::pass_on(id);
    root.keys.erase(*id);
    if (revoking) root.revoked.insert(*id);
  }
  if (auto added = add_keys(options.add, root); !added) return added;
  return write_root(root, &*before, options);
}

Result<void> generate(const std::string& path) {
  for (const std::string& file : {path, path + ".pub"}) {
    if (auto absent = must_not_exist(file); !absent) return absent;
  }
  auto key = release::SigningKey::generate();
  if (!key) return base::pass_on(key);
  auto pem = key->pem();
  if (!pem) return base::pass_on(pem);
  auto written = base::write_file(path, base::view(*pem), 0600);
  if (written) written = base::write_file(path + ".pub", base::view(release::write_public_key(key->public_key())));
  if (!written) return written;
  fmt::print("{}  {}.pub\n", release::key_id(key->public_key()), path);
  return {};
}

Result<void> show(const std::string& path) {
  auto key = read_public_key(path);
  if (!key) {
    auto secret = release::SigningKey::read_file(path);
    if (!secret) return base::pass_on(secret);
    key = secret->public_key();
  }
  fmt::print("{}  {}\n", release::key_id(*key), path);
  return {};
}

CLI::App* root_command(CLI::App& parent, const char* name, const char* what, const std::shared_ptr<Options>& options,
                       Action& action, std::function<Result<void>(const Options&)> run) {
  auto* const command = parent.add_subcommand(name, what);
  command->add_option("--threshold", options->threshold, "how many of the keys must sign; two at least")
      ->type_name("N");
  command->add_option("--expires", options->expires, "days, or a date")->type_name("730d")->capture_default_str();
  command->add_option("--sign", options->signers, "private keys that sign it now")->type_name("KEY");
  command->callback([options, run = std::move(run), &action] {
    action = [options, run] {
      const auto done = run(*options);
      return done ? 0 : report(done.error());
    };
  });
  return command;
}

void add_next_options(CLI::App& command, Options& options, const char* verb) {
  command.add_option("ROOT", options.root, "the version before it")->required();
  command.add_option("--remove", options.remove, std::string("keys to ") + verb + ": an id, or a file")
      ->type_name("KEY");
  command.add_option("--add", options.add, "public keys to list")->type_name("FILE");
  command.add_option("--out", options.out, "where to write the next version")->type_name("FILE")->required();
}

template <typename Run>
void add_key_file(CLI::App& parent, Action& action, const char* name, const char* what, Run run) {
  const auto file = std::make_shared<std::string>();
  auto* const command = parent.add_subcommand(name, what);
  command->add_option("FILE", *file, "the key's file")->required();
  command->callback([file, run, &action] {
    action = [file, run] {
      const auto done = run(*file);
      return done ? 0 : report(done.error());
    };
  });
}

}  // namespace

void add_release_trust(CLI::App& command, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const trust =
      root_command(command, "trust", "write the first trust root: which keys sign releases", options, action, &first);
  trust->add_option("FILE", options->out, "where to write it")->required();
  trust->add_option("--add", options->add, "public keys to list")->type_name("FILE")->required();

  auto* const key = command.add_subcommand("key", "make keys, and change which of them count");
  key->require_subcommand(1);
  add_key_file(*key, action, "generate", "make a key: FILE is secret, FILE.pub is not", &generate);
  add_key_file(*key, action, "show", "print a key's id", &show);
  const auto rotate = std::make_shared<Options>();
  add_next_options(*root_command(*key, "rotate", "write the next version of a trust root, with other keys", rotate,
                                 action, [](const Options& given) { return next(given, false); }),
                   *rotate, "leave out");
  const auto revoke = std::make_shared<Options>();
  auto* const revoking = root_command(*key, "revoke", "write the next version of a trust root, without stolen keys",
                                      revoke, action, [](const Options& given) { return next(given, true); });
  add_next_options(*revoking, *revoke, "revoke, for ever");
  revoking->get_option("--remove")->required();
}

}  // namespace blindbox::apps
