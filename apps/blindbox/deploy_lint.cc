// SPDX-License-Identifier: Apache-2.0
// "blindbox deploy lint": what a template will break on.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/deploy/lint.h"
#include "deploy_azure.h"
#include "measure_image.h"

namespace blindbox::apps {
namespace {

namespace fs = std::filesystem;
using base::fail;
using deploy::Remark;

constexpr std::size_t kMostFiles = 256;

struct Options {
  std::string path;
  std::string tag;
  ImageOptions images;
};

// Those of a folder itself; a chart's templates are none before Helm has filled them in.
Result<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector{path};
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string extension = entry.path().extension();
    if (extension == ".json" || extension == ".yaml" || extension == ".yml") out.push_back(entry.path());
  }
  if (error) return fail(ErrorKind::io, "cannot read the folder " + path + ": " + error.message());
  if (out.size() > kMostFiles) return fail(ErrorKind::limit, path + " holds more than 256 templates");
  if (out.empty()) return fail(ErrorKind::usage, path + " holds no template", "", "\"blindbox deploy\" writes some");
  std::ranges::sort(out);
  return out;
}

Result<std::optional<deploy::ExpectedImage>> expected_image(const Options& options) {
  if (options.tag.empty()) return std::nullopt;
  auto measured = measure_image(options.tag, options.images, {});
  if (!measured) return base::pass_on(measured);
  deploy::ExpectedImage out{measured->image.digest.text(), {}};
  for (const auto& layer : measured->layers) out.layers.push_back(layer.root_hash);
  return std::optional(std::move(out));
}

Result<std::vector<Remark>> lint_file(const std::string& path, const std::optional<deploy::ExpectedImage>& image) {
  const std::string extension = fs::path(path).extension();
  if (extension == ".bicep" || extension == ".tf") {
    return fail(ErrorKind::usage, "lint reads ARM templates (JSON) and Kubernetes manifests (YAML): " + path, "",
                "the template.json that \"blindbox deploy\" writes beside it says the same; \"az bicep build\" makes "
                "one of others");
  }
  auto text = base::read_file(path, deploy::kTemplateCap);
  if (!text) return base::pass_on(text);
  auto remarks = deploy::lint(base::as_text(*text), path, image);
  if (!remarks) return remarks;
  const fs::path beside = fs::path(path).parent_path() / "container-policy.rego";
  std::error_code ignored;
  if (!fs::exists(beside, ignored)) return remarks;
  auto policy = base::read_file(beside, deploy::kTemplateCap);
  if (!policy) return base::pass_on(policy);
  for (Remark& remark : deploy::lint_policy_file(base::as_text(*policy), base::as_text(*text), path)) {
    remarks->push_back(std::move(remark));
  }
  return remarks;
}

// Names and values are a template's: no control character of theirs reaches the terminal.
std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

int lint(const Options& options) {
  auto files = files_of(options.path);
  if (!files) return report(files.error());
  auto image = expected_image(options);
  if (!image) return report(image.error());
  bool wrong = false;
  std::size_t judged = 0;
  std::optional<Error> none;
  for (const std::string& file : *files) {
    auto remarks = lint_file(file, *image);
    // In a folder lie other files too.
    if (!remarks && remarks.error().kind == ErrorKind::usage && files->size() > 1) {
      none = remarks.error();
      continue;
    }
    if (!remarks) return report(remarks.error());
    ++judged;
    for (const Remark& remark : *remarks) {
      wrong = wrong || remark.level == Remark::Level::error;
      fmt::print("{}: {}: {}\n  {}\n", deploy::level_name(remark.level), printable(remark.where),
                 printable(remark.what), printable(remark.mend));
    }
    if (remarks->empty()) fmt::print("{}: nothing to remark\n", printable(file));
  }
  if (judged == 0 && none) return report(*none);
  return wrong ? base::exit_code(ErrorKind::not_acceptable) : 0;
}

}  // namespace

void add_deploy_lint(CLI::App& command, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const lint_command = command.add_subcommand(
      "lint", "say what an ARM template or Kubernetes manifest will break on, and how to mend it");
  lint_command->add_option("PATH", options->path, "a template, or a folder of them")->required();
  lint_command->add_option("--image", options->tag, "the wrapped image that it should be of")->type_name("TAG");
  add_image_options(*lint_command, options->images);
  lint_command->callback([options, &action] { action = [options] { return lint(*options); }; });
}

}  // namespace blindbox::apps
