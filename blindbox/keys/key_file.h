// SPDX-License-Identifier: Apache-2.0
// The file of API keys. It holds no key: of each the salted SHA-256 digest. That is enough, because a key is 256 random
// bits that "blindbox key add" made, which nobody guesses however fast they hash; passwords are not taken.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/clock.h"
#include "blindbox/base/digest.h"

namespace blindbox::keys {

// 0: none.
struct Limits {
  std::uint32_t requests_per_minute = 0;
  std::uint64_t tokens_per_day = 0;  // of prompts and answers together; a day ends at midnight UTC
  std::uint32_t concurrent = 0;
};

struct Key {
  std::string id;      // 12 hexadecimal characters; also the beginning of the key itself
  std::string tenant;  // whose cache and counters it uses
  std::string name;    // for whoever reads the file
  ByteArray<16> salt{};
  base::Sha256 sha256{};  // of the salt and the key
  Limits limits;
  bool metrics = false;  // may read /metrics
  std::optional<base::Time> expires;
};

struct KeyFile {
  std::vector<Key> keys;
};

inline constexpr std::size_t kMaxFile = std::size_t{1} << 20;

// ErrorKind::usage with the line for what is wrong, unknown fields and ids that come twice included.
[[nodiscard]] Result<KeyFile> parse_key_file(std::string_view yaml, std::string_view name);
[[nodiscard]] std::string write_key_file(const KeyFile& file);

// As a file: read under a cap; written whole or not at all, for the owner's eyes.
[[nodiscard]] Result<KeyFile> load_key_file(const std::string& path);
[[nodiscard]] Result<void> save_key_file(const std::string& path, const KeyFile& file);

struct NewKey {
  Key key;
  std::string secret;  // what the client sends; kept nowhere
};
// Letters, digits, ".", "_", "-" and "@", 1 to 64 of them; otherwise ErrorKind::usage.
[[nodiscard]] Result<NewKey> make_key(std::string tenant, std::string name);

// The key that was presented, null where there is no such one or its time is over.
[[nodiscard]] const Key* find_key(const KeyFile& file, std::string_view presented, base::Time now);

}  // namespace blindbox::keys
