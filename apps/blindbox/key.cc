// SPDX-License-Identifier: Apache-2.0
// "blindbox key": the file of API keys that "serve --keys" reads.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>

#include "blindbox/base/fd.h"
#include "blindbox/keys/key_file.h"
#include "command.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string file = "keys.yml";
  std::string tenant;
  std::string name;
  std::string expires;
  std::string id;
  keys::Limits limits;
  bool metrics = false;
};

// Two that change the file at once would lose one's change: the second waits.
class Lock {
 public:
  explicit Lock(const std::string& path)
      : fd_(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (fd_) (void)::flock(fd_.get(), LOCK_EX);
  }

 private:
  base::Fd fd_;
};

bool exists(const std::string& path) {
  struct ::stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

int add(const Options& options) {
  auto made = keys::make_key(options.tenant, options.name);
  if (!made) return report(made.error());
  made->key.limits = options.limits;
  made->key.metrics = options.metrics;
  if (!options.expires.empty()) {
    auto expires = base::parse_time(options.expires);
    if (!expires) return report({ErrorKind::usage, "not a time: " + options.expires, "", "such as 2027-01-31"});
    made->key.expires = *expires;
  }
  const Lock lock(options.file);
  keys::KeyFile file;
  if (exists(options.file)) {
    auto loaded = keys::load_key_file(options.file);
    if (!loaded) return report(loaded.error());
    file = std::move(*loaded);
  }
  file.keys.push_back(made->key);
  if (auto saved = keys::save_key_file(options.file, file); !saved) return report(saved.error());
  // The key alone, so that a script can take it; it is shown once and kept nowhere.
  fmt::print("{}\n", made->secret);
  fmt::print(stderr, "added key {} of tenant {} to {}; this is the only time that it is shown\n", made->key.id,
             made->key.tenant, options.file);
  return 0;
}

std::string limit(std::uint64_t value) { return value == 0 ? "-" : std::to_string(value); }

int list(const Options& options) {
  auto file = keys::load_key_file(options.file);
  if (!file) return report(file.error());
  constexpr auto kRow = "{:<14} {:<20} {:<16} {:>8} {:>12} {:>8}  {:<8} {}\n";
  fmt::print(kRow, "ID", "TENANT", "NAME", "PER MIN", "TOKENS/DAY", "AT ONCE", "METRICS", "EXPIRES");
  for (const keys::Key& key : file->keys) {
    fmt::print(kRow, key.id, key.tenant, key.name.empty() ? "-" : key.name, limit(key.limits.requests_per_minute),
               limit(key.limits.tokens_per_day), limit(key.limits.concurrent), key.metrics ? "yes" : "no",
               key.expires ? base::to_iso8601(*key.expires) : "never");
  }
  return 0;
}

int remove(const Options& options) {
  const Lock lock(options.file);
  auto file = keys::load_key_file(options.file);
  if (!file) return report(file.error());
  if (std::erase_if(file->keys, [&](const keys::Key& key) { return key.id == options.id; }) == 0) {
    return report({ErrorKind::usage, "there is no key " + options.id + " in " + options.file, "",
                   "\"blindbox key list\" shows their ids"});
  }
  if (auto saved = keys::save_key_file(options.file, *file); !saved) return report(saved.error());
  return 0;
}

void take_file(CLI::App& command, Options& options) {
  command.add_option("--file", options.file, "the key file")->type_name("FILE")->capture_default_str();
}

}  // namespace

void add_key(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("key", "API keys of a server: each is bound to a tenant, with limits");
  command->require_subcommand(1);
  auto* const adding = command->add_subcommand("add", "make a key and print it, once; its digest goes into the file");
  take_file(*adding, *options);
  adding->add_option("--tenant", options->tenant, "whose prompts share a cache, and whose limits count together")
      ->required();
  adding->add_option("--name", options->name, "a word to remember it by");
  adding->add_option("--requests-per-minute", options->limits.requests_per_minute, "0: no limit")
      ->capture_default_str();
  adding->add_option("--tokens-per-day", options->limits.tokens_per_day, "of prompts and answers; 0: no limit")
      ->capture_default_str();
  adding->add_option("--concurrent", options->limits.concurrent, "requests at once; 0: no limit")
      ->capture_default_str();
  adding->add_flag("--metrics", options->metrics, "may read /metrics");
  adding->add_option("--expires", options->expires, "when it ends, such as 2027-01-31")->type_name("TIME");
  adding->callback([options, &action] { action = [options] { return add(*options); }; });
  auto* const listing = command->add_subcommand("list", "show the keys' ids, tenants and limits; never the keys");
  take_file(*listing, *options);
  listing->callback([options, &action] { action = [options] { return list(*options); }; });
  auto* const removing = command->add_subcommand("remove", "remove a key; a server that runs forgets it at once");
  take_file(*removing, *options);
  removing->add_option("ID", options->id, "as \"blindbox key list\" shows it")->required();
  removing->callback([options, &action] { action = [options] { return remove(*options); }; });
}

}  // namespace blindbox::apps
