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
constexpr int kDeepest = 8;  // folders below the one given

struct Options {
  std::string path;
  std::string tag;
  ImageOptions images;
};

std::string extension_of(const fs::path& path) {
  std::string out = path.extension();
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Languages that only their own tools evaluate: nothing in them is judged here.
bool is_source(const fs::path& path) {
  const std::string extension = extension_of(path);
  const std::string stem = extension_of(path.stem());
  return extension == ".bicep" || extension == ".bicepparam" || extension == ".tf" || extension == ".hcl" ||
         extension == ".tfvars" || (extension == ".json" && (stem == ".tf" || stem == ".tfvars"));
}

tl::unexpected<Error> no_source(const std::string& path) {
  const std::string beside = (fs::path(path).parent_path() / "template.json").string();
  std::error_code ignored;
  return fail(
      ErrorKind::usage, "lint reads ARM templates (JSON) and Kubernetes manifests (YAML): " + path, "",
      fs::exists(beside, ignored)
          ? "run \"blindbox deploy lint " + beside + "\": \"blindbox deploy\" wrote both to say the same"
          : "\"blindbox deploy --platform azure-aci\" writes the template.json that says the same; of another's "
            "Bicep, \"az bicep build\" makes one");
}

bool is_chart(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "Chart.yaml", ignored);
}

tl::unexpected<Error> no_chart(const std::string& path) {
  return fail(ErrorKind::usage, path + " is a Helm chart, whose templates are none before Helm has filled them in", "",
              "run \"helm template " + path + " --values YOURS > manifests.yaml\", and lint manifests.yaml");
}

struct Found {
  std::vector<std::string> templates;
  std::vector<std::string> sources;  // Bicep and Terraform
  std::vector<std::string> charts;
  int deep = 0;
};

Result<void> search(const std::string& folder, Found& into) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder, error)) entries.push_back(entry.path());
  if (error) return fail(ErrorKind::io, "cannot read the folder " + folder + ": " + error.message());
  std::ranges::sort(entries);
  for (const fs::path& entry : entries) {
    if (entry.filename().string().starts_with('.')) continue;
    // No link is followed into a folder: it could lead round.
    if (fs::is_directory(fs::symlink_status(entry, error))) {
      if (is_chart(entry)) {
        into.charts.push_back(entry);
        continue;
      }
      if (into.deep == kDeepest) return fail(ErrorKind::limit, folder + " is nested too deeply");
      ++into.deep;
      if (auto below = search(entry, into); !below) return below;
      --into.deep;
      continue;
    }
    const std::string extension = extension_of(entry);
    if (is_source(entry)) {
      // "blindbox deploy" writes a template.json beside, which says the same.
      if (!fs::exists(entry.parent_path() / "template.json", error)) into.sources.push_back(entry);
    } else if (extension == ".json" || extension == ".yaml" || extension == ".yml") {
      into.templates.push_back(entry);
    }
    if (into.templates.size() > kMostFiles) return fail(ErrorKind::limit, folder + " holds more than 256 templates");
  }
  return {};
}

Result<Found> files_of(const std::string& path) {
  Found out;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (is_source(path)) return no_source(path);
    out.templates.push_back(path);
    return out;
  }
  if (is_chart(path)) return no_chart(path);
  if (auto searched = search(path, out); !searched) return base::pass_on(searched);
  if (!out.templates.empty()) return out;
  if (!out.sources.empty()) return no_source(out.sources.front());
  if (!out.charts.empty()) return no_chart(out.charts.front());
  return fail(ErrorKind::usage, path + " holds no template", "", "\"blindbox deploy\" writes some");
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

// Whether nothing in the file keeps it from starting or protecting.
bool print_remarks(const std::string& file, const std::vector<Remark>& remarks) {
  for (const Remark& remark : remarks) {
    fmt::print("{}: {}: {}\n  {}\n", deploy::level_name(remark.level), printable(remark.where), printable(remark.what),
               printable(remark.mend));
  }
  if (remarks.empty()) fmt::print("{}: nothing to remark\n", printable(file));
  return std::ranges::none_of(remarks, [](const Remark& r) { return r.level == Remark::Level::error; });
}

int lint(const Options& options) {
  auto files = files_of(options.path);
  if (!files) return report(files.error());
  auto image = expected_image(options);
  if (!image) return report(image.error());
  int status = 0;
  std::size_t judged = 0;
  std::optional<Error> none;
  for (const std::string& file : files->templates) {
    auto remarks = lint_file(file, *image);
    // In a folder lie other files too.
    if (!remarks && remarks.error().kind == ErrorKind::usage && files->templates.size() > 1) {
      none = remarks.error();
      continue;
    }
    ++judged;
    // What cannot be read says nothing of the files after it.
    if (!remarks) {
      status = report(remarks.error());
    } else if (!print_remarks(file, *remarks) && status == 0) {
      status = base::exit_code(ErrorKind::not_acceptable);
    }
  }
  if (judged == 0 && none) return report(*none);
  for (const std::string& chart : files->charts) {
    fmt::print("note: {}: a Helm chart, not judged\n  lint what \"helm template\" makes of it\n", printable(chart));
  }
  for (const std::string& source : files->sources) {
    fmt::print("note: {}: not judged\n  only ARM templates (JSON) and Kubernetes manifests (YAML) are\n",
               printable(source));
  }
  return status;
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
