// SPDX-License-Identifier: Apache-2.0
// The values that hardware will report, from files on this desk.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "blindbox/base/file.h"
#include "blindbox/measure/initdata.h"
#include "blindbox/measure/layer.h"
#include "blindbox/measure/uki.h"
#include "blindbox/policy/starting_point.h"
#include "client_policy.h"
#include "command.h"
#include "measure_explain.h"
#include "measure_image.h"
#include "measure_launch.h"
#include "progress.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string tag;
  std::string write_container_policy;
  std::string write_policy;
  std::string explain;
  ImageOptions images;
  std::vector<std::string> layers;
  std::uint64_t max_size = measure::kMaxImageSize;
  LaunchOptions launch;
  std::optional<std::string> uki, initdata;
  bool json = false;
};

// What is printed: a block of lines for people, or one JSON object with everything.
class Output {
 public:
  explicit Output(bool json) : json_(json) {}
  void title(const std::string& text) const {
    if (!json_) fmt::print("{}\n", text);
  }
  void value(const char* name, const std::string& text) const {
    if (!json_) fmt::print("  {:<14} {}\n", name, text);
  }
  void line(const std::string& text) const {
    if (!json_) fmt::print("  {}\n", text);
  }
  nlohmann::json& object() { return object_; }
  int finish() {
    if (json_) fmt::print("{}\n", object_.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }

 private:
  bool json_;
  nlohmann::json object_ = nlohmann::json::object();
};

Result<void> measure_layers(const Options& options, Output& out) {
  for (const std::string& path : options.layers) {
    measure::LayerOptions layer;
    layer.max_size = options.max_size;
    Result<measure::LayerMeasurement> measured = base::fail(ErrorKind::internal, "not measured");
    {
      Progress progress;
      layer.progress = [&progress](std::uint64_t done, std::uint64_t total) { progress(done, total); };
      measured = measure::measure_layer(path, layer);
    }
    if (!measured) return base::pass_on(measured);
    out.title(path);
    out.value("ext4 sha-256", base::to_hex(measured->ext4_sha256));
    out.value("ext4 size", std::to_string(measured->ext4_size));
    out.value("root hash", base::to_hex(measured->root_hash));
    out.object()["layers"].push_back({{"file", path},
                                      {"ext4_sha256", base::to_hex(measured->ext4_sha256)},
                                      {"ext4_bytes", measured->ext4_size},
                                      {"root_hash", base::to_hex(measured->root_hash)}});
  }
  return {};
}

Result<void> explain_tag(const Options& options, const MeasuredImage& measured, Output& out) {
  auto changes = explain(measured, options.explain, options.images);
  if (!changes) return base::pass_on(changes);
  out.title(changes->empty() ? "nothing moved since " + options.explain : "since " + options.explain);
  auto list = nlohmann::json::array();
  for (const Change& change : *changes) {
    const auto shown = [](const std::string& text) { return text.empty() ? std::string("nothing") : text; };
    out.line(change.what + "\n    was  " + shown(change.before) + "\n    is   " + shown(change.after) + "\n    by   " +
             (change.because.empty() ? "nothing that is named here: the image's configuration" : change.because));
    list.push_back(
        {{"what", change.what}, {"before", change.before}, {"after", change.after}, {"because", change.because}});
  }
  out.object()["explain"] = std::move(list);
  return {};
}

Result<void> measure_tag(const Options& options, Output& out) {
  Progress progress;
  measure::LayerOptions layer;
  layer.max_size = options.max_size;
  layer.progress = [&progress](std::uint64_t done, std::uint64_t total) { progress(done, total); };
  auto measured = measure_image(options.tag, options.images, layer);
  progress.clear();
  if (!measured) return base::pass_on(measured);
  out.title(options.tag);
  out.value("image", measured->image.digest.text());
  out.value("specification", base::to_hex(measured->inspection.specification_sha256));
  auto layers = nlohmann::json::array();
  for (std::size_t i = 0; i < measured->layers.size(); ++i) {
    const std::string root = base::to_hex(measured->layers[i].root_hash);
    out.value("layer", measured->image.layers[i].diff_id.text() + "\n  root hash      " + root);
    layers.push_back({{"diff_id", measured->image.layers[i].diff_id.text()}, {"root_hash", root}});
  }
  out.value("host data", base::to_hex(measured->host_data));
  out.object()["image"] = {{"digest", measured->image.digest.text()},
                           {"host_data", base::to_hex(measured->host_data)},
                           {"layers", std::move(layers)},
                           {"specification_sha256", base::to_hex(measured->inspection.specification_sha256)}};
  if (!options.explain.empty()) {
    if (auto explained = explain_tag(options, *measured, out); !explained) return explained;
  }
  if (!options.write_container_policy.empty()) {
    auto written = base::write_file(options.write_container_policy, base::view(measured->policy));
    if (!written) return written;
  }
  if (options.write_policy.empty()) return {};
  policy::Policy policy = policy::starting_point(policy::Platform::azure_aci);
  policy.sev_snp.host_data = {{measured->host_data}};
  policy.manifest = manifest_of_wrapped(measured->inspection);
  return base::write_file(options.write_policy, base::view(policy::write_policy(policy)));
}

Result<void> measure_launch(const Options& options, Output& out) {
  const auto launched = launch_values(options.launch);
  if (!launched) return tl::unexpected(launched.error());
  out.title(*options.launch.firmware);
  if (launched->firmware) {
    out.value("firmware hash", base::to_hex(*launched->firmware));
    out.object()["firmware_digest"] = base::to_hex(*launched->firmware);
  }
  out.value("launch digest", base::to_hex(launched->digest));
  out.object()["launch_digest"] = base::to_hex(launched->digest);
  return {};
}

Result<void> measure_uki(const std::string& path, Output& out) {
  const auto image = base::read_file(path, measure::kUkiCap);
  if (!image) return tl::unexpected(image.error());
  const auto measured = measure::measure_uki(*image);
  if (!measured) return tl::unexpected(measured.error());
  out.title(path);
  out.value("authenticode", base::to_hex(measured->authenticode));
  out.value("pcr 4", measured->pcr4 ? base::to_hex(*measured->pcr4) : "not known for this stub");
  out.value("pcr 11", base::to_hex(measured->pcr11));
  auto phases = nlohmann::json::object();
  base::Sha256 pcr = measured->pcr11;
  for (const char* const phase : {"enter-initrd", "leave-initrd", "sysinit", "ready"}) {
    pcr = measure::extend_pcr(pcr, base::view(phase));
    out.value(phase, base::to_hex(pcr));
    phases[phase] = base::to_hex(pcr);
  }
  out.object()["uki"] = {{"authenticode", base::to_hex(measured->authenticode)},
                         {"pcr11", base::to_hex(measured->pcr11)},
                         {"sections", measured->sections},
                         {"phases", phases}};
  if (measured->pcr4) out.object()["uki"]["pcr4"] = base::to_hex(*measured->pcr4);
  return {};
}

Result<void> measure_initdata(const std::string& path, Output& out) {
  const auto document = base::read_file(path, measure::kInitdataCap);
  if (!document) return tl::unexpected(document.error());
  const auto measured = measure::measure_initdata(*document);
  if (!measured) return tl::unexpected(measured.error());
  out.title(path);
  out.value(measured->algorithm.c_str(), base::to_hex(measured->digest));
  out.value("host data", base::to_hex(measured->host_data));
  out.value("mrconfigid", base::to_hex(measured->mr_config_id));
  if (measured->pcr8) out.value("pcr 8", base::to_hex(*measured->pcr8));
  auto& object = out.object()["initdata"];
  object = {{"algorithm", measured->algorithm},
            {"digest", base::to_hex(measured->digest)},
            {"host_data", base::to_hex(measured->host_data)},
            {"mr_config_id", base::to_hex(measured->mr_config_id)}};
  if (measured->pcr8) object["pcr8"] = base::to_hex(*measured->pcr8);
  return {};
}

int run_measure(const Options& options) {
  if (options.tag.empty() && options.layers.empty() && !options.launch.wanted && !options.uki && !options.initdata) {
    return report({ErrorKind::usage, "nothing to measure", "",
                   "give the TAG of a wrapped image, --layer, --launch-digest, --uki or --initdata"});
  }
  if (options.tag.empty() &&
      !(options.write_container_policy.empty() && options.write_policy.empty() && options.explain.empty())) {
    return report({ErrorKind::usage,
                   "--write-container-policy, --write-policy and --explain need the TAG of a wrapped image", "", ""});
  }
  Output out(options.json);
  if (!options.tag.empty()) {
    if (auto done = measure_tag(options, out); !done) return report(done.error());
  }
  if (auto done = measure_layers(options, out); !done) return report(done.error());
  if (options.launch.wanted) {
    if (auto done = measure_launch(options, out); !done) return report(done.error());
  }
  if (options.uki) {
    if (auto done = measure_uki(*options.uki, out); !done) return report(done.error());
  }
  if (options.initdata) {
    if (auto done = measure_initdata(*options.initdata, out); !done) return report(done.error());
  }
  return out.finish();
}

}  // namespace

void add_measure(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "measure", "compute what hardware will report: root hashes of layers, launch digests, PCR 11, initdata");
  command->add_option("tag", options->tag, "a wrapped image: the values that Azure will report of its container")
      ->type_name("TAG");
  command
      ->add_option("--write-container-policy", options->write_container_policy,
                   "where to write the container policy (Rego) whose SHA-256 is HOST_DATA")
      ->type_name("FILE");
  command
      ->add_option("--write-policy", options->write_policy,
                   "where to write the policy.yml by which clients accept this image on Azure container instances")
      ->type_name("FILE");
  command
      ->add_option("--explain", options->explain,
                   "say which input moved which value since then: a release's file, or the tag of an older image")
      ->type_name("OLDER");
  add_image_options(*command, options->images);
  command->add_option("--layer", options->layers, "container layers (tar, plain, gzip or zstd); - is standard input")
      ->type_name("FILE");
  command->add_option("--max-size", options->max_size, "refuse a layer whose image would have more bytes")
      ->type_name("BYTES")
      ->check(CLI::Range(std::uint64_t{1}, measure::kMaxImageSize));
  add_launch_options(*command, options->launch);
  command->add_option("--uki", options->uki, "a unified kernel image: PCR 11, and after each phase")->type_name("FILE");
  command->add_option("--initdata", options->initdata, "an initdata document of Confidential Containers")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "print everything as one JSON object");
  command->callback([options, &action] { action = [options] { return run_measure(*options); }; });
}

}  // namespace blindbox::apps
