// SPDX-License-Identifier: Apache-2.0
// The parts of "blindbox model" that make a file: import, pull and quantize.
#ifdef BLINDBOX_HAS_ENGINE
#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <stop_token>

#include "blindbox/base/clock.h"
#include "blindbox/completion/quantize.h"
#include "blindbox/model/hub.h"
#include "blindbox/model/import.h"
#include "models.h"
#include "progress.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string source;
  std::string type = "q8_0";
  std::string name;
  std::string output;
  std::string file;
  std::string sha256;
  bool replace = false;
  bool keep_source = false;
};

// Where a model goes: a file, or a name in the store whose manifest is written when the rest is.
struct Target {
  std::string path;
  std::optional<model::Store> store;
  model::Manifest manifest;
};

Result<Target> target_of(const Options& options, const std::string& otherwise) {
  Target out;
  if (!options.output.empty()) {
    std::error_code ignored;
    if (!options.replace && std::filesystem::exists(options.output, ignored)) {
      return base::fail(ErrorKind::usage, options.output + " is there already", "", "give --replace to write it anew");
    }
    out.path = options.output;
    out.manifest.name = options.name.empty() ? otherwise : options.name;
    return out;
  }
  auto store = model::Store::of_user();
  if (!store) return base::pass_on(store);
  out.manifest.name = options.name.empty() ? otherwise : options.name;
  if (auto ready = store->prepare(out.manifest.name, options.replace); !ready) return base::pass_on(ready);
  out.path = store->file_of(out.manifest.name) + ".new";
  out.store = std::move(*store);
  return out;
}

// Nothing is handed over that this program itself would not load.
Result<void> finish(Target& target, const base::Sha256& sha256, std::uint64_t bytes) {
  {
    auto model = OpenModel::open(target.path);
    if (!model) {
      std::error_code ignored;
      std::filesystem::remove(target.path, ignored);
      return base::pass_on(model);
    }
    target.manifest.architecture = model->gguf().architecture;
    target.manifest.parameters = model->parameters();
  }
  target.manifest.sha256 = base::to_hex(sha256);
  target.manifest.bytes = bytes;
  target.manifest.created = base::to_iso8601(base::now());
  if (target.store) {
    if (auto put = target.store->put(target.manifest, target.path); !put) return put;
  }
  fmt::print("{} {}\nsha256 {}\n", target.store ? "model" : "file", target.store ? target.manifest.name : target.path,
             target.manifest.sha256);
  if (target.store) {
    fmt::print(stderr, "blindbox: note: \"blindbox serve --model {}\" serves it\n", target.manifest.name);
  }
  return {};
}

// What is drawn and listened to while weights are written: Ctrl-C ends it and leaves nothing behind.
class Work {
 public:
  void operator()(std::uint64_t done, std::uint64_t total, const std::string& what) {
    progress_(done, total, what);
    if (signals_.caught()) stop_.request_stop();
  }
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  void clear() { progress_.clear(); }

 private:
  boost::asio::io_context io_;
  Signals signals_{io_};
  std::stop_source stop_;
  Progress progress_;
};

Result<void> import_into(Target& target, const std::string& folder, const std::string& type) {
  auto encoder = completion::encoder_named(type);
  if (!encoder) return base::pass_on(encoder);
  target.manifest.type = type;
  Work work;
  model::ImportOptions options{folder, target.path, target.manifest.name, {}, work.token()};
  options.progress = [&work](std::uint64_t done, std::uint64_t total) { work(done, total, "writing weights"); };
  auto imported = model::import_model(options, **encoder);
  work.clear();
  if (!imported) return base::pass_on(imported);
  for (const std::string& note : imported->notes) fmt::print(stderr, "blindbox: note: {}\n", note);
  return finish(target, imported->sha256, imported->bytes);
}

std::string last_part(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::error_code ignored;
  return std::filesystem::weakly_canonical(path, ignored).filename().string();
}

Result<void> import(const Options& options) {
  if (auto known = completion::encoder_named(options.type); !known) return base::pass_on(known);
  auto target = target_of(options, last_part(options.source));
  if (!target) return base::pass_on(target);
  target->manifest.origin = options.source;
  return import_into(*target, options.source, options.type);
}

Result<void> keep_gguf(Target& target, const std::string& from, const model::SourceFile& file) {
  auto model = OpenModel::open(from);
  if (!model) return base::pass_on(model);
  const std::uint64_t type = model->gguf().number("general.file_type", 64);
  target.manifest.type = completion::file_type_name(type);
  std::error_code error;
  std::filesystem::rename(from, target.path, error);
  if (error) return base::fail(ErrorKind::io, "cannot name " + target.path + ": " + error.message());
  auto digest = base::from_hex(file.sha256);
  if (!digest) return base::pass_on(digest);
  base::Sha256 sha256{};
  std::copy(digest->begin(), digest->end(), sha256.begin());
  return finish(target, sha256, file.bytes);
}

fetch::Reach reach() {
  fetch::Reach out;
  out.warn = [](const std::string& what) { fmt::print(stderr, "blindbox: note: {}\n", what); };
  return out;
}

Result<void> pull_from_url(const Options& options) {
  if (options.sha256.empty()) {
    return base::fail(ErrorKind::usage, "a model by its address needs --sha256", "",
                      "take the digest from whoever publishes the file, not from the server that hands it out");
  }
  auto sha256 = parse_sha256(options.sha256);
  if (!sha256) return base::pass_on(sha256);
  std::string name = options.source.substr(0, options.source.find_first_of("?#"));
  name = name.substr(name.rfind('/') + 1);
  if (name.ends_with(".gguf")) name.resize(name.size() - 5);
  auto target = target_of(options, name);
  if (!target) return base::pass_on(target);
  target->manifest.origin = options.source;
  const std::string fetched = target->path + ".fetched";
  Progress progress;
  auto file = model::pull_url(
      options.source, base::to_hex(*sha256), fetched, reach(),
      [&progress](const std::string& what, std::uint64_t done, std::uint64_t total) { progress(done, total, what); },
      {});
  progress.clear();
  if (!file) return base::pass_on(file);
  target->manifest.sources = {*file};
  return keep_gguf(*target, fetched, *file);
}

Result<void> pull_from_hub(const Options& options) {
  auto reference = model::parse_hub_reference(options.source);
  if (!reference) return base::pass_on(reference);
  if (auto known = completion::encoder_named(options.type); !known) return base::pass_on(known);
  auto target = target_of(options, reference->repository.substr(reference->repository.find('/') + 1));
  if (!target) return base::pass_on(target);
  const std::string folder = target->store->file_of(target->manifest.name) + ".source";
  if (auto made = model::make_private_folder(folder); !made) return made;
  model::Hub hub = model::hub_of_environment();
  hub.reach = reach();
  Progress progress;
  auto pulled = model::pull(
      hub, *reference, options.file, folder,
      [&progress](const std::string& what, std::uint64_t done, std::uint64_t total) { progress(done, total, what); },
      {});
  progress.clear();
  if (!pulled) return base::pass_on(pulled);
  target->manifest.origin = hub.endpoint + "/" + reference->repository;
  target->manifest.revision = pulled->commit;
  target->manifest.sources = pulled->files;
  auto done = pulled->gguf.empty() ? import_into(*target, folder, options.type)
                                   : keep_gguf(*target, folder + "/" + pulled->gguf, pulled->files.back());
  std::error_code ignored;
  if (done && !options.keep_source) std::filesystem::remove_all(folder, ignored);
  return done;
}

Result<void> pull(const Options& options) {
  const bool url = options.source.starts_with("https://") || options.source.starts_with("http://");
  return url ? pull_from_url(options) : pull_from_hub(options);
}

Result<void> quantize(const Options& options) {
  auto encoder = completion::encoder_named(options.type);
  if (!encoder) return base::pass_on(encoder);
  auto located = locate_model(options.source);
  if (!located) return base::pass_on(located);
  auto model = OpenModel::open(located->path);
  if (!model) return base::pass_on(model);
  std::string base_name = located->manifest ? located->manifest->name : last_part(located->path);
  if (base_name.ends_with(".gguf")) base_name.resize(base_name.size() - 5);
  auto target = target_of(options, base_name + "-" + options.type);
  if (!target) return base::pass_on(target);
  target->manifest.origin = located->manifest ? located->manifest->origin : located->path;
  if (located->manifest) target->manifest.revision = located->manifest->revision;
  target->manifest.type = options.type;
  Work work;
  completion::WeightsProgress hears{{}, work.token()};
  hears.report = [&work](std::uint64_t done, std::uint64_t total) { work(done, total, "writing weights"); };
  auto written = completion::quantize_file(model->bytes(), model->gguf(), target->path, **encoder, hears);
  work.clear();
  if (!written) return base::pass_on(written);
  return finish(*target, written->sha256, written->bytes);
}

using Run = Result<void> (*)(const Options&);

CLI::App* add(CLI::App& command, Action& action, const char* name, const char* what, const char* source,
              const char* source_what, Run run, const std::shared_ptr<Options>& options) {
  auto* const made = command.add_subcommand(name, what);
  made->add_option(source, options->source, source_what)->required();
  made->add_option("--type", options->type, "how weights are kept: f32, f16, bf16, q8_0, q4_0 or q4_k_m")
      ->capture_default_str();
  made->add_option("--name", options->name, "under which it is kept; the last part of the source's unless given");
  made->add_flag("--replace", options->replace, "in place of what has that name");
  made->callback([options, run, &action] {
    action = [options, run] {
      const auto done = run(*options);
      return done ? 0 : report(done.error());
    };
  });
  return made;
}

}  // namespace

void add_model_makers(CLI::App& command, Action& action) {
  const auto importing = std::make_shared<Options>();
  add(command, action, "import", "make a GGUF file of a folder of Hugging Face's: safetensors, config.json, tokenizer",
      "FOLDER", "with config.json, tokenizer.json and model.safetensors", &import, importing)
      ->add_option("--output", importing->output, "a file, in place of the store")
      ->type_name("FILE");

  const auto pulling = std::make_shared<Options>();
  auto* const pull_command =
      add(command, action, "pull", "fetch a model from a hub (HF_ENDPOINT, HF_TOKEN) or an address, and keep it",
          "SOURCE", "OWNER/NAME[@REVISION], or the address of a GGUF file", &pull, pulling);
  pull_command->add_option("--file", pulling->file, "this GGUF file of the repository, as it is");
  pull_command->add_option("--sha256", pulling->sha256, "of the file at an address")->type_name("HEX");
  pull_command->add_flag("--keep-source", pulling->keep_source, "keep the files that were fetched, too");

  const auto quantizing = std::make_shared<Options>();
  add(command, action, "quantize", "write the weights of a model anew, in fewer bits", "MODEL",
      "a name, or a GGUF file, with weights in f32, f16 or bf16", &quantize, quantizing)
      ->add_option("--output", quantizing->output, "a file, in place of the store")
      ->type_name("FILE");
}

}  // namespace blindbox::apps
#endif
