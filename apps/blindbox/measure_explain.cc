// SPDX-License-Identifier: Apache-2.0
#include "measure_explain.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "release_files.h"

namespace blindbox::apps {
namespace {

using nlohmann::json;

// What both an image and a release tell; the rest an image alone.
struct Side {
  std::string image, specification_sha256, host_data, version, init;
  std::vector<std::pair<std::string, std::string>> layers;  // diff_id, root hash
  json specification, containers;
};

// The policy's one long line.
json containers_of(const std::string& policy) {
  constexpr std::string_view kHead = "\ncontainers := ";
  const auto begin = policy.find(kHead);
  if (begin == std::string::npos) return nullptr;
  const auto from = begin + kHead.size();
  return json::parse(policy.substr(from, policy.find('\n', from) - from), nullptr, false);
}

Side side_of(const MeasuredImage& image) {
  Side out;
  out.image = image.image.digest.text();
  out.specification_sha256 = base::to_hex(image.inspection.specification_sha256);
  out.host_data = base::to_hex(image.host_data);
  out.version = image.inspection.version;
  out.init = base::to_hex(image.inspection.init_sha256);
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    out.layers.emplace_back(image.image.layers[i].diff_id.text(), base::to_hex(image.layers[i].root_hash));
  }
  out.specification = json::parse(specification::encode(image.inspection.specification));
  out.containers = containers_of(image.policy);
  return out;
}

Side side_of(const release::Release& release) {
  Side out;
  out.image = release.image;
  out.specification_sha256 = base::to_hex(release.specification);
  const auto azure = release.platforms.find("azure-aci");
  if (azure != release.platforms.end()) out.host_data = base::to_hex(azure->second.host_data.front());
  if (!release.software_versions.empty()) out.version = release.software_versions.front();
  for (const auto& layer : release.layers) out.layers.emplace_back(layer.diff_id, base::to_hex(layer.root_hash));
  return out;
}

Result<Side> older_side(const std::string& older, const ImageOptions& options) {
  struct stat info {};
  if (::stat(older.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
    auto document = read_document(older);
    if (!document) return base::pass_on(document);
    auto release = release::decode_release(*document, older);
    if (!release) return base::pass_on(release);
    return side_of(*release);
  }
  auto measured = measure_image(older, options, {});
  if (!measured) return base::pass_on(measured);
  return side_of(*measured);
}

class Explanation {
 public:
  Explanation(const Side& before, const Side& after) : before_(before), after_(after) {}

  std::vector<Change> run() {
    layers();
    compare("blindbox-init", before_.init, after_.init, "the program that came with blindbox " + after_.version);
    compare("blindbox", before_.version, after_.version, "another blindbox built it");
    fields("specification", before_.specification, after_.specification, [](const std::string& /*path*/) {
      return std::string("blindbox.yml, or the configuration of the image that was wrapped");
    });
    compare("specification, sha-256", before_.specification_sha256, after_.specification_sha256,
            moved("specification/"));
    fields("container policy", before_.containers, after_.containers, &Explanation::input_of);
    const std::string policy = moved("container policy/");
    compare("host data", before_.host_data, after_.host_data, policy.empty() ? moved("layer ") : policy);
    compare("image", before_.image, after_.image, moved("layer "));
    return std::move(out_);
  }

 private:
  void compare(std::string what, const std::string& before, const std::string& after, std::string because) {
    // A release does not tell everything; what one side does not tell has not changed.
    if (before == after || before.empty() || after.empty()) return;
    out_.push_back({std::move(what), before, after, std::move(because)});
  }

  void layers() {
    const std::size_t most = std::max(before_.layers.size(), after_.layers.size());
    for (std::size_t i = 0; i < most; ++i) {
      const bool last = i + 1 == after_.layers.size();
      const std::string name = "layer " + std::to_string(i);
      const std::string because = last ? "blindbox-init or the specification, which are this layer" : "its contents";
      if (i >= before_.layers.size()) {
        out_.push_back({name, "", after_.layers[i].first, "it was added"});
      } else if (i >= after_.layers.size()) {
        out_.push_back({name, before_.layers[i].first, "", "it was taken away"});
      } else {
        compare(name, before_.layers[i].first, after_.layers[i].first, because);
        compare(name + ", root hash", before_.layers[i].second, after_.layers[i].second, name);
      }
    }
  }

  template <typename Because>
  void fields(const std::string& what, const json& before, const json& after, Because because) {
    if (before.is_null() || after.is_null()) return;
    const auto text = [](const json& in, const std::string& path) {
      const json::json_pointer pointer(path);
      return in.contains(pointer) ? in.at(pointer).dump(-1, ' ', true, json::error_handler_t::replace) : std::string();
    };
    std::map<std::string, std::size_t> added;  // to the end of an array, which a patch calls "-"
    for (const json& step : json::diff(before, after)) {
      std::string path = step.at("path");
      if (path.ends_with("/-")) {
        path.pop_back();
        const json::json_pointer parent(path.substr(0, path.size() - 1));
        const std::size_t index = before.at(parent).size() + added[path]++;
        path += std::to_string(index);
      }
      out_.push_back(
          {what + path, text(before, path),
           step.contains("value") ? step.at("value").dump(-1, ' ', true, json::error_handler_t::replace) : "",
           because(path)});
    }
  }

  static std::string input_of(const std::string& path) {
    if (path.starts_with("/0/layers/")) return "layer " + path.substr(std::string_view("/0/layers/").size());
    if (path.starts_with("/0/env_rules")) return "\"environment\" in blindbox.yml";
    return "another blindbox wrote the policy";
  }

  // The changes so far whose names begin so.
  [[nodiscard]] std::string moved(const std::string& prefix) const {
    std::string out;
    for (const Change& change : out_) {
      if (change.what.starts_with(prefix)) out += (out.empty() ? "" : "; ") + change.what;
    }
    return out;
  }

  const Side& before_;
  const Side& after_;
  std::vector<Change> out_;
};

}  // namespace

Result<std::vector<Change>> explain(const MeasuredImage& now, const std::string& older, const ImageOptions& options) {
  auto before = older_side(older, options);
  if (!before) return base::pass_on(before);
  const Side after = side_of(now);
  return Explanation(*before, after).run();
}

}  // namespace blindbox::apps
