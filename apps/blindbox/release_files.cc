// SPDX-License-Identifier: Apache-2.0
// "blindbox release sign|show": signatures on releases and trust roots, and what such a file says.
#include "release_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "blindbox/base/file.h"

namespace blindbox::apps {
namespace {

using base::fail;

struct ShowOptions {
  std::string file;
  std::optional<std::string> trust;
};

void line(const char* name, const std::string& text) { fmt::print("  {:<16} {}\n", name, text); }

void print(const std::string& file, const release::Release& found) {
  fmt::print("{}: release of {}\n", file, found.name);
  line("epoch", fmt::format("{}, and none below {}", found.epoch, found.minimum_epoch));
  line("created", base::to_iso8601(found.created));
  line("good until", base::to_iso8601(found.expires));
  line("image", found.image);
  line("specification", base::to_hex(found.specification));
  for (const auto& layer : found.layers) line("layer", layer.diff_id + " root hash " + base::to_hex(layer.root_hash));
  for (const auto& version : found.software_versions) line("blindbox", version);
  for (const auto& posture : found.postures) line("isolation", posture);
  line("model", found.model ? base::to_hex(*found.model) : "-");
  for (const auto& [platform, expected] : found.platforms) {
    line("platform", platform);
    for (const auto& value : expected.host_data) line("  host data", base::to_hex(value));
    for (const auto& value : expected.measurements) line("  measurement", base::to_hex(value));
    for (const auto& [index, value] : expected.pcrs)
      line(("  pcr " + std::to_string(index)).c_str(), base::to_hex(value));
    if (expected.minimum_uvm_svn) line("  utility VM", "version " + std::to_string(*expected.minimum_uvm_svn));
    if (expected.mr_config_id) line("  mrconfigid", base::to_hex(*expected.mr_config_id));
  }
}

void print(const std::string& file, const release::TrustRoot& found) {
  fmt::print("{}: trust root {}, version {}\n", file, base::to_hex(found.id), found.version);
  line("good until", base::to_iso8601(found.expires));
  line("signatures", fmt::format("{} of {} keys", found.threshold, found.keys.size()));
  for (const auto& [id, key] : found.keys) line("key", id);
  for (const auto& id : found.revoked) line("revoked", id);
}

void print_signatures(const release::Document& document) {
  for (const auto& [id, value] : document.signatures) line("signed by", id);
  if (document.signatures.empty()) line("signed by", "nobody");
}

// Without --trust nothing is claimed of the signatures; with it, the exit status says whether they count.
Result<void> show(const ShowOptions& options) {
  auto document = read_document(options.file);
  if (!document) return base::pass_on(document);
  if (const auto root = release::decode_trust_root(*document, options.file)) {
    if (options.trust) return fail(ErrorKind::usage, "--trust is for releases: " + options.file + " is a trust root");
    print(options.file, *root);
    print_signatures(*document);
    auto good = release::check_trust_root(*document, options.file, base::now());
    if (!good) return base::pass_on(good);
    line("signatures", "are enough");
    return {};
  }
  auto found = release::decode_release(*document, options.file);
  if (!found) return base::pass_on(found);
  print(options.file, *found);
  print_signatures(*document);
  if (!options.trust) {
    line("signatures", "not checked (--trust ROOT)");
    return {};
  }
  auto trusted = read_document(*options.trust);
  if (!trusted) return base::pass_on(trusted);
  auto root = release::check_trust_root(*trusted, *options.trust, base::now());
  if (!root) return base::pass_on(root);
  auto good = release::check_release(*document, options.file, *root, base::now());
  if (!good) return base::pass_on(good);
  line("signatures", "are enough for version " + std::to_string(root->version) + " of the trust root");
  return {};
}

Result<void> sign(const std::string& file, const std::vector<std::string>& keys) {
  auto document = read_document(file);
  if (!document) return base::pass_on(document);
  // Whoever signs sees what; anything else than these two is not signed.
  if (const auto root = release::decode_trust_root(*document, file)) {
    print(file, *root);
  } else if (auto found = release::decode_release(*document, file)) {
    print(file, *found);
  } else {
    return base::pass_on(found);
  }
  if (auto written = sign_and_write(*document, keys, file); !written) return written;
  print_signatures(*document);
  return {};
}

int ended(const Result<void>& result) { return result ? 0 : report(result.error()); }

}  // namespace

Result<release::Document> read_document(const std::string& path) {
  auto bytes = base::read_file(path, release::kDocumentCap);
  if (!bytes) return base::pass_on(bytes);
  return release::read_document(base::as_text(*bytes), path);
}

Result<void> sign_and_write(release::Document& document, const std::vector<std::string>& key_files,
                            const std::string& path) {
  for (const std::string& file : key_files) {
    auto key = release::SigningKey::read_file(file);
    if (!key) return base::pass_on(key);
    if (auto done = release::sign(document, *key); !done) return done;
  }
  return base::write_file(path, base::view(release::write_document(document)));
}

Result<void> must_not_exist(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};
  return fail(ErrorKind::io, path + " is there already", "", "move it away, or name another file");
}

void add_release_signing(CLI::App& command, Action& action) {
  const auto file = std::make_shared<std::string>();
  const auto keys = std::make_shared<std::vector<std::string>>();
  auto* const sign_command = command.add_subcommand("sign", "add signatures to a release or a trust root");
  sign_command->add_option("FILE", *file, "the release or the trust root")->required();
  sign_command->add_option("--key", *keys, "private keys")->type_name("KEY")->required();
  sign_command->callback([file, keys, &action] { action = [file, keys] { return ended(sign(*file, *keys)); }; });

  const auto options = std::make_shared<ShowOptions>();
  auto* const show_command = command.add_subcommand("show", "print what a release or a trust root says");
  show_command->add_option("FILE", options->file, "the release or the trust root")->required();
  show_command
      ->add_option_function<std::string>(
          "--trust", [options](const std::string& root) { options->trust = root; },
          "check a release's signatures by this trust root")
      ->type_name("ROOT");
  show_command->callback([options, &action] { action = [options] { return ended(show(*options)); }; });
}

}  // namespace blindbox::apps
