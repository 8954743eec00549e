// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/internal/config_reader.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace blindbox::model::internal {

using fetch::Json;

const Json* ConfigReader::member(const char* key) const {
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

void ConfigReader::wrong(const char* key, const std::string& what) {
  if (error_) return;
  const Json* const found = member(key);
  const std::string text =
      found == nullptr ? "it is not there" : "found " + found->dump(-1, ' ', true, Json::error_handler_t::replace);
  error_ =
      Error{ErrorKind::malformed, "config.json: \"" + std::string(key) + "\" is not " + what, fetch::shown(text), ""};
}

void ConfigReader::refuse(const std::string& what, const std::string& found) {
  if (!error_) error_ = Error{ErrorKind::model, "this model cannot be imported: " + what, fetch::shown(found), ""};
}

std::uint32_t ConfigReader::number(const char* key, std::uint32_t most) {
  const Json* const found = member(key);
  if (found != nullptr && found->is_number_unsigned()) {
    const auto value = found->get<std::uint64_t>();
    if (value >= 1 && value <= most) return static_cast<std::uint32_t>(value);
  }
  wrong(key, "a whole number from 1 to " + std::to_string(most));
  return 0;
}

std::uint32_t ConfigReader::number_or(const char* key, std::uint32_t otherwise, std::uint32_t most) {
  return has(key) ? number(key, most) : otherwise;
}

float ConfigReader::real(const char* key) {
  const Json* const found = member(key);
  const float value = found != nullptr && found->is_number() ? found->get<float>() : 0.0F;
  if (!std::isfinite(value) || value <= 0) wrong(key, "a number above 0");
  return value;
}

bool ConfigReader::flag(const char* key, bool otherwise) {
  const Json* const found = member(key);
  if (found == nullptr) return otherwise;
  if (!found->is_boolean()) wrong(key, "true or false");
  return found->is_boolean() ? found->get<bool>() : otherwise;
}

void ConfigReader::must_be(const char* key, std::initializer_list<std::string_view> values) {
  const Json* const found = member(key);
  if (found == nullptr) return;
  const bool fits = found->is_string() && std::any_of(values.begin(), values.end(), [&](std::string_view value) {
                      return found->get_ref<const std::string&>() == value;
                    });
  if (!fits)
    refuse(std::string(key) + " is one that the engine does not compute",
           found->dump(-1, ' ', true, Json::error_handler_t::replace));
}

void ConfigReader::must_be(const char* key, bool value) {
  if (flag(key, value) != value)
    refuse(std::string(key) + " is one that the engine does not compute", value ? "false" : "true");
}

void ConfigReader::must_be_absent(const char* key) {
  const Json* const found = member(key);
  if (found != nullptr)
    refuse(std::string("the engine knows no ") + key + " for it",
           found->dump(-1, ' ', true, Json::error_handler_t::replace));
}

void ConfigReader::must_be_one(const char* key) {
  const Json* const found = member(key);
  if (found != nullptr && !(found->is_number() && found->get<double>() == 1.0)) must_be_absent(key);
}

namespace {

// The object that holds the scaling; null where there is none.
const Json* scaling_of(const Json& config) {
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const auto found = config.find(key);
    if (found != config.end() && found->is_object()) return &*found;
  }
  return nullptr;
}

std::string type_of(const Json& scaling) {
  for (const char* key : {"rope_type", "type"}) {
    const auto found = scaling.find(key);
    if (found != scaling.end() && found->is_string()) return found->get<std::string>();
  }
  return "default";
}

}  // namespace

void read_rope(ConfigReader& in, Config& out) {
  if (in.has("rope_theta")) out.rope_base = in.real("rope_theta");
  const Json* scaling = in.member("rope_parameters");
  if (scaling == nullptr) scaling = in.member("rope_scaling");
  if (scaling == nullptr) return;
  if (!scaling->is_object()) return in.refuse("its rope_scaling is no object", "");
  ConfigReader rope(*scaling);
  if (rope.has("rope_theta")) out.rope_base = rope.real("rope_theta");
  const std::string type = type_of(*scaling);
  if (type == "linear" || type == "yarn") {
    out.rope_scaling = RopeScaling{type, rope.real("factor"), 0};
    if (type == "yarn") {
      out.rope_scaling->original_context = rope.number_or("original_max_position_embeddings", out.context, 1U << 20);
      for (const char* key : {"attention_factor", "mscale", "mscale_all_dim", "beta_fast", "beta_slow"}) {
        rope.must_be_absent(key);
      }
    }
  } else if (type != "default" && !(type == "llama3" && out.architecture == "llama")) {
    in.refuse("it scales positions in a way that the engine does not compute", type);
  }
  rope.must_be_one("partial_rotary_factor");
  if (rope.error()) in.refuse("its rope_scaling is not understood", rope.error()->what);
}

Result<void> read_rope_factors(const Json& config, Config& out) {
  const Json* const scaling = scaling_of(config);
  if (out.architecture != "llama" || scaling == nullptr || type_of(*scaling) != "llama3") return {};
  ConfigReader in(*scaling);
  const float factor = in.real("factor"), low = in.real("low_freq_factor"), high = in.real("high_freq_factor");
  const auto original = static_cast<float>(in.number("original_max_position_embeddings", 1U << 20));
  if (in.error()) return tl::unexpected(*in.error());
  if (high <= low)
    return base::fail(ErrorKind::malformed, "config.json: high_freq_factor is not above low_freq_factor");
  const float base = out.rope_base.value_or(10000.0F);
  for (std::uint32_t i = 0; i < out.head_size; i += 2) {
    const float frequency = 1.0F / std::pow(base, static_cast<float>(i) / static_cast<float>(out.head_size));
    const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
    if (wavelength < original / high) {
      out.rope_factors.push_back(1);
    } else if (wavelength > original / low) {
      out.rope_factors.push_back(factor);
    } else {
      const float smooth = (original / wavelength - low) / (high - low);
      out.rope_factors.push_back(1 / ((1 - smooth) / factor + smooth));
    }
  }
  return {};
}

}  // namespace blindbox::model::internal
