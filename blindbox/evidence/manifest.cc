// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/manifest.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace blindbox::evidence {
namespace {

using base::fail;
using nlohmann::json;

// Reads members of one object; the first that is missing or of another type is kept as the problem.
class Fields {
 public:
  Fields(const json& parent, const char* name, std::string& problem) : name_(name), problem_(problem) {
    static const json kEmpty = json::object();
    const auto found = parent.is_object() ? parent.find(name) : parent.end();
    const bool usable = parent.is_object() && found != parent.end() && found->is_object();
    if (!usable) note("is missing or no object");
    object_ = usable ? &*found : &kEmpty;
  }

  std::string text(const char* member) {
    const auto found = object_->find(member);
    if (found != object_->end() && found->is_string()) return found->get<std::string>();
    note(std::string(member) + " is missing or no text");
    return {};
  }

  base::Sha256 digest(const char* member) {
    base::Sha256 out{};
    const auto bytes = base::from_hex(text(member));
    if (bytes && bytes->size() == out.size()) {
      std::copy(bytes->begin(), bytes->end(), out.begin());
    } else {
      note(std::string(member) + " is no SHA-256 in hexadecimal");
    }
    return out;
  }

  std::uint32_t number(const char* member) {
    const auto found = object_->find(member);
    if (found != object_->end() && found->is_number_unsigned()) {
      const auto value = found->get<std::uint64_t>();
      if (value <= std::numeric_limits<std::uint32_t>::max()) return static_cast<std::uint32_t>(value);
    }
    note(std::string(member) + " is missing or no number of 32 bits");
    return 0;
  }

 private:
  void note(const std::string& what) {
    if (problem_.empty()) problem_ = std::string(name_) + ": " + what;
  }

  const char* name_;
  std::string& problem_;
  const json* object_ = nullptr;
};

ServiceManifest read_members(const json& root, std::string& problem) {
  ServiceManifest manifest;
  Fields isolation(root, "isolation", problem);
  manifest.isolation = {isolation.digest("policy_sha256"), isolation.text("posture")};
  Fields model(root, "model", problem);
  manifest.model = {model.text("id"), model.digest("sha256"), model.digest("tokenizer_sha256")};
  Fields padding(root, "padding", problem);
  manifest.padding = {padding.number("record_block"), padding.text("policy")};
  Fields software(root, "software", problem);
  manifest.software = {software.text("name"), software.text("version")};
  return manifest;
}

}  // namespace

std::string encode_manifest(const ServiceManifest& manifest) {
  // nlohmann's objects are sorted by member name and dump() escapes as RFC 8785 wants; there are no fractions here,
  // which is where the two would part.
  const json root = {
      {"isolation",
       {{"policy_sha256", base::to_hex(manifest.isolation.policy_sha256)}, {"posture", manifest.isolation.posture}}},
      {"model",
       {{"id", manifest.model.id},
        {"sha256", base::to_hex(manifest.model.sha256)},
        {"tokenizer_sha256", base::to_hex(manifest.model.tokenizer_sha256)}}},
      {"padding", {{"policy", manifest.padding.policy}, {"record_block", manifest.padding.record_block}}},
      {"schema", kManifestSchema},
      {"software", {{"name", manifest.software.name}, {"version", manifest.software.version}}}};
  return root.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ServiceManifest> decode_manifest(ByteView bytes) {
  if (bytes.size() > kManifestCap) {
    return fail(ErrorKind::malformed, "the service manifest is larger than " + std::to_string(kManifestCap) + " bytes");
  }
  const std::string_view text = base::as_text(bytes);
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return fail(ErrorKind::malformed, "the service manifest is not a JSON object");
  const auto schema = root.find("schema");
  if (schema == root.end() || *schema != kManifestSchema) {
    return fail(ErrorKind::malformed, "the service manifest has an unknown schema",
                "expected " + std::string(kManifestSchema));
  }
  std::string problem;
  ServiceManifest manifest = read_members(root, problem);
  if (!problem.empty()) return fail(ErrorKind::malformed, "malformed service manifest", problem);
  if (encode_manifest(manifest) != text) {
    return fail(ErrorKind::malformed, "the service manifest is not canonical",
                "unknown or duplicate members, another order, white space or another spelling of a value");
  }
  return manifest;
}

}  // namespace blindbox::evidence
