// SPDX-License-Identifier: Apache-2.0
// "blindbox release TAG": what hardware will report of a wrapped image, as one file for signatures.
#include "blindbox/release/release.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "blindbox/base/file.h"
#include "blindbox/measure/initdata.h"
#include "client_policy.h"
#include "measure_image.h"
#include "progress.h"
#include "release_files.h"
#include "release_options.h"

namespace blindbox::apps {
namespace {

using base::fail;

constexpr std::uint64_t kCurrentUvmSvn = 104;

struct Options {
  std::string tag, name, expires = "90d", out = "release.json";
  std::optional<std::uint64_t> epoch;
  std::optional<std::uint64_t> minimum_epoch;
  std::vector<std::string> platforms, measurements, pcrs, signers;
  std::uint64_t minimum_uvm_svn = kCurrentUvmSvn;
  std::optional<std::string> initdata, model;
  bool force = false;
  ImageOptions images;
};

// "hello:1" and "images.example.com/team/hello@sha256:..." are releases of "hello" and "team/hello".
std::string default_name(const std::string& tag) {
  const auto reference = image::parse_reference(tag);
  if (!reference) return tag;
  std::string name = reference->repository.empty() ? reference->name : reference->repository;
  if (name.starts_with("library/")) name = name.substr(8);
  return name.substr(0, name.find(':'));
}

template <std::size_t N>
Result<ByteArray<N>> parse_hex(const std::string& text, const std::string& option) {
  const auto bytes = base::from_hex(text);
  ByteArray<N> out{};
  if (!bytes || bytes->size() != N) {
    return fail(ErrorKind::usage, option + " is not " + std::to_string(N) + " bytes in hexadecimal: " + text);
  }
  std::ranges::copy(*bytes, out.begin());
  return out;
}

Result<void> add_pcr(const std::string& text, release::Expectation& out) {
  unsigned index = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, index);
  if (error != std::errc{} || stop == end || *stop != '=' || index > 23) {
    return fail(ErrorKind::usage, "--pcr is not INDEX=HEX: " + text);
  }
  auto value = parse_hex<32>(std::string(stop + 1, end), "--pcr");
  if (!value) return base::pass_on(value);
  out.pcrs[static_cast<std::uint8_t>(index)] = *value;
  return {};
}

Result<void> add_initdata(const std::string& path, release::Expectation& out) {
  auto document = base::read_file(path, measure::kInitdataCap);
  if (!document) return base::pass_on(document);
  auto measured = measure::measure_initdata(*document);
  if (!measured) return base::pass_on(measured);
  out.host_data = {measured->host_data};
  out.initdata_algorithm = measured->algorithm;
  out.mr_config_id = measured->mr_config_id;
  return {};
}

Result<release::Expectation> expectation(const std::string& platform, const Options& options,
                                         const MeasuredImage& measured) {
  release::Expectation out;
  if (platform == "azure-aci" || platform == "aks-virtual-nodes") {
    const auto group = platform == "azure-aci" ? deploy::Group::container_instances : deploy::Group::virtual_node;
    out.host_data = {base::sha256(base::view(container_policy(measured, group)))};
    out.minimum_uvm_svn = options.minimum_uvm_svn;
    return out;
  }
  for (const std::string& text : options.measurements) {
    auto digest = parse_hex<48>(text, "--measurement");
    if (!digest) return base::pass_on(digest);
    out.measurements.push_back(*digest);
  }
  if (out.measurements.empty()) {
    return fail(ErrorKind::usage, "platform " + platform + " needs --measurement HEX: the launch digest", "",
                "blindbox measure --launch-digest --firmware FILE ...");
  }
  if (platform == "azure-vm") {
    if (options.pcrs.empty()) return fail(ErrorKind::usage, "platform azure-vm needs --pcr INDEX=HEX");
    for (const std::string& text : options.pcrs) {
      if (auto added = add_pcr(text, out); !added) return base::pass_on(added);
    }
  } else if (options.initdata) {
    if (auto added = add_initdata(*options.initdata, out); !added) return base::pass_on(added);
  }
  return out;
}

// What nobody would look at must not look as if it counted.
Result<void> check_unused(const std::vector<std::string>& platforms, const Options& options) {
  const auto has = [&platforms](const char* name) { return std::ranges::find(platforms, name) != platforms.end(); };
  if (!options.measurements.empty() && !has("sev-snp") && !has("azure-vm")) {
    return fail(ErrorKind::usage, "--measurement is for the platforms sev-snp and azure-vm");
  }
  if (!options.pcrs.empty() && !has("azure-vm")) return fail(ErrorKind::usage, "--pcr is for the platform azure-vm");
  if (options.initdata && !has("sev-snp")) return fail(ErrorKind::usage, "--initdata is for the platform sev-snp");
  return {};
}

Result<MeasuredImage> measured_image(const Options& options) {
  Progress progress;
  measure::LayerOptions layer;
  layer.progress = [&progress](std::uint64_t done, std::uint64_t total) { progress(done, total); };
  auto measured = measure_image(options.tag, options.images, layer);
  progress.clear();
  return measured;
}

std::vector<std::string> platforms_of(const Options& options, const specification::Specification& specification) {
  if (!options.platforms.empty()) return options.platforms;
  return {specification.platform == specification::Platform::azure_aci ? "azure-aci" : "sev-snp"};
}

Result<release::Release> make(const Options& options, const MeasuredImage& measured, base::Time now) {
  release::Release out;
  out.name = options.name.empty() ? default_name(options.tag) : options.name;
  out.epoch = *options.epoch;
  out.minimum_epoch = options.minimum_epoch.value_or(0);
  out.created = now;
  auto expires = parse_expiry(options.expires, now);
  if (!expires) return base::pass_on(expires);
  out.expires = *expires;
  out.image = measured.image.digest.text();
  for (std::size_t i = 0; i < measured.layers.size(); ++i) {
    out.layers.push_back({measured.image.layers[i].diff_id.text(), measured.layers[i].root_hash});
  }
  out.specification = measured.inspection.specification_sha256;
  const auto manifest = manifest_of_wrapped(measured.inspection);
  out.postures = *manifest.isolation_postures;
  out.software_versions = *manifest.software_versions;
  const auto platforms = platforms_of(options, measured.inspection.specification);
  if (auto used = check_unused(platforms, options); !used) return base::pass_on(used);
  for (const std::string& platform : platforms) {
    auto expected = expectation(platform, options, measured);
    if (!expected) return base::pass_on(expected);
    out.platforms[platform] = *std::move(expected);
  }
  if (options.model) {
    auto digest = base::sha256_file(*options.model);
    if (!digest) return base::pass_on(digest);
    out.model = *digest;
  }
  return out;
}

Result<void> write_release(const Options& options) {
  if (!options.epoch) {
    return fail(ErrorKind::usage, "--epoch N is missing: a number that grows with every release", "",
                "clients that have seen a higher one refuse this release");
  }
  if (!options.force) {
    if (auto absent = must_not_exist(options.out); !absent) return absent;
  }
  auto measured = measured_image(options);
  if (!measured) return base::pass_on(measured);
  auto made = make(options, *measured, base::now());
  if (!made) return base::pass_on(made);
  release::Document document{.body = release::encode(*made)};
  // By the reader's own rules: nothing is signed that no client would take.
  if (auto read = release::decode_release(document, options.out); !read) {
    return fail(ErrorKind::usage, read.error().what);
  }
  if (auto written = sign_and_write(document, options.signers, options.out); !written) return written;
  fmt::print("{} epoch {}, image {}\n", made->name, made->epoch, made->image);
  for (const auto& [platform, expected] : made->platforms) {
    for (const auto& value : expected.host_data)
      fmt::print("  {:<18} host data    {}\n", platform, base::to_hex(value));
    for (const auto& value : expected.measurements)
      fmt::print("  {:<18} measurement  {}\n", platform, base::to_hex(value));
  }
  fmt::print("good until {}, {} signature{}: {}\n", base::to_iso8601(made->expires), document.signatures.size(),
             document.signatures.size() == 1 ? "" : "s", options.out);
  return {};
}

void add_options(CLI::App& command, const std::shared_ptr<Options>& options) {
  command.add_option("tag", options->tag, "a wrapped image, as \"build --tag\" named it")->type_name("TAG");
  command.add_option("--epoch", options->epoch, "grows with every release; clients refuse to go back")->type_name("N");
  command.add_option("--minimum-epoch", options->minimum_epoch, "from now on clients refuse older ones than that")
      ->type_name("N");
  command.add_option("--name", options->name, "of the application; else the image's")->type_name("NAME");
  command.add_option("--expires", options->expires, "days, or a date")->type_name("90d")->capture_default_str();
  command
      .add_option("--platform", options->platforms,
                  "azure-aci, aks-virtual-nodes, sev-snp or azure-vm; several times, else the specification's")
      ->check(CLI::IsMember({"azure-aci", "aks-virtual-nodes", "sev-snp", "azure-vm"}))
      ->type_name("NAME");
  command.add_option("--measurement", options->measurements, "the launch digest (sev-snp, azure-vm)")->type_name("HEX");
  command.add_option("--pcr", options->pcrs, "what a PCR must hold (azure-vm)")->type_name("INDEX=HEX");
  command.add_option("--initdata", options->initdata, "Confidential Containers' initdata document (sev-snp)")
      ->type_name("FILE");
  command.add_option("--minimum-uvm-svn", options->minimum_uvm_svn, "the least version of Azure's utility VM")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--model", options->model, "the weights that it serves; their SHA-256 is promised")
      ->type_name("FILE");
  command.add_option("--sign", options->signers, "private keys that sign it now")->type_name("KEY");
  command.add_option("--out", options->out, "where to write it")->type_name("FILE")->capture_default_str();
  command.add_flag("--force", options->force, "replace a file that is there");
  add_image_options(command, options->images);
}

}  // namespace

void add_release(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "release",
      "write what hardware will report of a wrapped image into one signed file, which clients take as policy");
  command->require_subcommand(0, 1);
  add_options(*command, options);
  command->callback([options, command, &action] {
    if (!command->get_subcommands().empty()) return;  // its callback has run
    action = [options] {
      if (options->tag.empty()) {
        return report({ErrorKind::usage, "no TAG was given", "", "see \"blindbox release --help\""});
      }
      const auto written = write_release(*options);
      return written ? 0 : report(written.error());
    };
  });
  add_release_signing(*command, action);
  add_release_trust(*command, action);
}

}  // namespace blindbox::apps
