// SPDX-License-Identifier: Apache-2.0
// Members of config.json by type and bounds. The first that is wrong is kept; values after it are zero.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>

#include "blindbox/model/config.h"

namespace blindbox::model::internal {

class ConfigReader {
 public:
  explicit ConfigReader(const fetch::Json& object) : object_(&object) {}

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  // Null counts as absent: transformers writes it for "the default".
  [[nodiscard]] bool has(const char* key) const { return member(key) != nullptr; }

  // 1 to most.
  std::uint32_t number(const char* key, std::uint32_t most);
  std::uint32_t number_or(const char* key, std::uint32_t otherwise, std::uint32_t most);
  float real(const char* key);  // finite, more than 0
  bool flag(const char* key, bool otherwise);

  // Where it is there at all.
  void must_be(const char* key, std::initializer_list<std::string_view> values);
  void must_be(const char* key, bool value);
  void must_be_absent(const char* key);
  void must_be_one(const char* key);
  void refuse(const std::string& what, const std::string& found);

  // An object below; null where there is none.
  [[nodiscard]] const fetch::Json* member(const char* key) const;

 private:
  void wrong(const char* key, const std::string& what);
  const fetch::Json* object_;
  std::optional<Error> error_;
};

// Base and scaling, in the form of "rope_theta" and "rope_scaling" or in the newer one of "rope_parameters".
void read_rope(ConfigReader& in, Config& out);

// Llama 3's correction of each frequency, by the same formula as the reference (transformers, _compute_llama3_parameters).
[[nodiscard]] Result<void> read_rope_factors(const fetch::Json& config, Config& out);

}  // namespace blindbox::model::internal
