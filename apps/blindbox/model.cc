// SPDX-License-Identifier: Apache-2.0
// "blindbox model": the models of this machine, and what is in them.
#ifdef BLINDBOX_HAS_ENGINE
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "blindbox/completion/fim_prompt.h"
#include "blindbox/completion/quantize.h"
#include "models.h"
#include "progress.h"

namespace blindbox::apps {
namespace {

using Json = nlohmann::json;

struct Options {
  std::string model;
  std::optional<std::string> sha256;
  bool json = false;
};

// Texts of a model are others' words: JSON's own escapes keep control characters off the terminal.
std::string shown(const Json& value) {
  if (value.is_string()) {
    const std::string quoted = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return quoted.substr(1, quoted.size() - 2);
  }
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Json as_json(const model::Manifest& manifest) {
  Json sources = Json::array();
  for (const auto& file : manifest.sources) {
    sources.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return {{"name", manifest.name},
          {"sha256", manifest.sha256},
          {"bytes", manifest.bytes},
          {"type", manifest.type},
          {"architecture", manifest.architecture},
          {"parameters", manifest.parameters},
          {"origin", manifest.origin},
          {"revision", manifest.revision},
          {"created", manifest.created},
          {"sources", sources}};
}

int run_list(const Options& options) {
  const auto store = model::Store::of_user();
  if (!store) return report(store.error());
  const auto models = store->list();
  if (options.json) {
    Json out = Json::array();
    for (const auto& manifest : models) {
      out.push_back(as_json(manifest));
      out.back()["file"] = store->file_of(manifest.name);
    }
    fmt::print("{}\n", out.dump(2, ' ', true, Json::error_handler_t::replace));
    return 0;
  }
  if (models.empty()) {
    fmt::print(stderr, "blindbox: note: no model in {}; \"blindbox model pull\" fetches one\n", store->folder());
  }
  for (const auto& manifest : models) {
    fmt::print("{:<32} {:<11} {:>7}  {:<7} {:>7}  {}\n", manifest.name, shown(Json(manifest.architecture)),
               about(manifest.parameters), shown(Json(manifest.type)), about_bytes(manifest.bytes),
               shown(Json(manifest.origin)));
  }
  return 0;
}

Json token_at(const completion::Gguf& gguf, std::int64_t id) {
  if (id < 0 || static_cast<std::uint64_t>(id) >= gguf.tokens.size()) return nullptr;
  return {{"id", id}, {"text", gguf.tokens[static_cast<std::size_t>(id)]}};
}

const char* name_of(completion::FimOrder order) {
  switch (order) {
    case completion::FimOrder::spm: return "spm";
    case completion::FimOrder::psm: return "psm";
    case completion::FimOrder::suffix_first: return "suffix_first";
  }
  return "";
}

Json fim_json(const completion::Gguf& gguf) {
  const auto fim = completion::find_fim_tokens(gguf);
  if (!fim) return nullptr;
  return {{"prefix", token_at(gguf, fim->prefix)},
          {"suffix", token_at(gguf, fim->suffix)},
          {"middle", token_at(gguf, fim->middle)},
          {"order", name_of(fim->order)}};
}

Json describe(const LocatedModel& located, const OpenModel& model, const std::string& sha256) {
  const completion::Gguf& gguf = model.gguf();
  const auto number = [&gguf](const char* key) { return gguf.number(gguf.architecture + "." + key, 0); };
  const auto id_of = [&gguf](const char* key) {
    return static_cast<std::int64_t>(gguf.number(std::string("tokenizer.ggml.") + key, gguf.tokens.size()));
  };
  std::map<std::string, std::size_t> types;
  for (const auto& tensor : gguf.tensors) ++types[completion::weight_type_name(tensor.type)];
  const std::uint64_t heads = number("attention.head_count");
  return {{"file", located.path},
          {"bytes", model.bytes().size()},
          {"sha256", sha256},
          {"stored", located.manifest ? as_json(*located.manifest) : Json()},
          {"name", gguf.text("general.name")},
          {"architecture", gguf.architecture},
          {"parameters", model.parameters()},
          {"context_length", number("context_length")},
          {"embedding_length", number("embedding_length")},
          {"feed_forward_length", number("feed_forward_length")},
          {"layers", number("block_count")},
          {"heads", heads},
          {"kv_heads", gguf.number(gguf.architecture + ".attention.head_count_kv", heads)},
          {"quantisation", completion::file_type_name(gguf.number("general.file_type", 64))},
          {"tensor_types", types},
          {"fim", fim_json(gguf)},
          {"tokenizer",
           {{"model", gguf.text("tokenizer.ggml.model")},
            {"pre", gguf.text("tokenizer.ggml.pre")},
            {"tokens", gguf.tokens.size()},
            {"sha256", base::to_hex(gguf.tokenizer_sha256)},
            {"bos", token_at(gguf, id_of("bos_token_id"))},
            {"eos", token_at(gguf, id_of("eos_token_id"))},
            {"add_bos", gguf.number("tokenizer.ggml.add_bos_token", 0) != 0},
            {"chat_template", !gguf.text("tokenizer.chat_template").empty()}}}};
}

void print(const Json& about_it) {
  const auto line = [](const char* name, const std::string& value) { fmt::print("{:<14} {}\n", name, value); };
  const Json& tokenizer = about_it["tokenizer"];
  line("file", shown(about_it["file"]));
  line("sha256", shown(about_it["sha256"]));
  if (about_it["stored"].is_object()) line("origin", shown(about_it["stored"]["origin"]));
  line("name", shown(about_it["name"]));
  line("architecture", shown(about_it["architecture"]));
  line("parameters", fmt::format("{} ({})", about_it["parameters"].get<std::uint64_t>(),
                                 about(about_it["parameters"].get<std::uint64_t>())));
  line("context", fmt::format("{} tokens", about_it["context_length"].get<std::uint64_t>()));
  line("layers", fmt::format("{}, {} wide, {} heads, {} key/value heads", about_it["layers"].get<std::uint64_t>(),
                             about_it["embedding_length"].get<std::uint64_t>(), about_it["heads"].get<std::uint64_t>(),
                             about_it["kv_heads"].get<std::uint64_t>()));
  std::string types;
  for (const auto& [type, count] : about_it["tensor_types"].items()) {
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", count.get<std::uint64_t>(), type);
  }
  line("quantisation", fmt::format("{} ({} tensors)", shown(about_it["quantisation"]), types));
  line("tokenizer", fmt::format("{} {}, {} tokens, sha256 {}", shown(tokenizer["model"]), shown(tokenizer["pre"]),
                                tokenizer["tokens"].get<std::uint64_t>(), shown(tokenizer["sha256"])));
  const Json& fim = about_it["fim"];
  // Not every order has a token for the middle.
  const std::string middle = fim.is_null() || fim["middle"].is_null() ? "" : " " + shown(fim["middle"]["text"]);
  line("holes", fim.is_null() ? "no: it continues text only"
                              : fmt::format("{} {}{}, {}", shown(fim["prefix"]["text"]), shown(fim["suffix"]["text"]),
                                            middle, shown(fim["order"])));
  line("chat", tokenizer["chat_template"].get<bool>() ? "yes: it has a template" : "no template");
}

Result<std::string> digest_of(const LocatedModel& located) {
  auto digest = base::sha256_file(located.path);
  if (!digest) return base::pass_on(digest);
  return base::to_hex(*digest);
}

int run_inspect(const Options& options) {
  auto located = locate_model(options.model);
  if (!located) return report(located.error());
  auto model = OpenModel::open(located->path);
  if (!model) return report(model.error());
  auto digest = digest_of(*located);
  if (!digest) return report(digest.error());
  const Json out = describe(*located, *model, *digest);
  if (options.json) {
    fmt::print("{}\n", out.dump(2, ' ', true, Json::error_handler_t::replace));
  } else {
    print(out);
  }
  return 0;
}

Result<void> verify(const LocatedModel& located, const std::string& expected) {
  auto digest = digest_of(located);
  if (!digest) return base::pass_on(digest);
  if (!expected.empty() && *digest != expected) {
    return base::fail(ErrorKind::model, "the model file has another digest than expected",
                      "sha256 " + *digest + ", expected " + expected, "fetch or import it again");
  }
  fmt::print("digest   sha256 {}{}\n", *digest, expected.empty() ? " (nothing to compare it with)" : ", as expected");
  auto model = OpenModel::open(located.path);
  if (!model) return base::pass_on(model);
  fmt::print("header   {}, {} tensors, {} tokens\n", model->gguf().architecture, model->gguf().tensors.size(),
             model->gguf().tokens.size());
  Progress progress;
  completion::WeightsProgress hears;
  hears.report = [&progress](std::uint64_t done, std::uint64_t total) { progress(done, total, "checking weights"); };
  auto found = completion::check_weights(model->bytes(), model->gguf(), hears);
  progress.clear();
  if (!found) return base::pass_on(found);
  if (found->not_finite > 0) {
    return base::fail(ErrorKind::model, "the model holds weights that are no numbers",
                      fmt::format("{} of {}, the first in {}", found->not_finite, found->values, found->first_tensor));
  }
  fmt::print("weights  {} values, all finite\n", found->values);
  return {};
}

int run_verify(const Options& options) {
  auto located = locate_model(options.model);
  if (!located) return report(located.error());
  std::string expected = located->manifest ? located->manifest->sha256 : "";
  if (options.sha256) {
    auto digest = parse_sha256(*options.sha256);
    if (!digest) return report(digest.error());
    expected = base::to_hex(*digest);
  }
  const auto done = verify(*located, expected);
  return done ? 0 : report(done.error());
}

}  // namespace

void add_model(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("model", "fetch, import, look at and check models");
  command->require_subcommand(1);
  add_model_makers(*command, action);

  const auto listing = std::make_shared<Options>();
  auto* const list = command->add_subcommand("list", "the models that are kept under a name");
  list->add_flag("--json", listing->json, "as one JSON array");
  list->callback([listing, &action] { action = [listing] { return run_list(*listing); }; });

  const auto inspecting = std::make_shared<Options>();
  auto* const inspect = command->add_subcommand("inspect", "print what a model is");
  inspect->add_option("MODEL", inspecting->model, "a name, or a GGUF file")->required();
  inspect->add_flag("--json", inspecting->json, "as one JSON object");
  inspect->callback([inspecting, &action] { action = [inspecting] { return run_inspect(*inspecting); }; });

  const auto verifying = std::make_shared<Options>();
  auto* const check = command->add_subcommand("verify", "check a model's digest, header and every weight");
  check->add_option("MODEL", verifying->model, "a name, or a GGUF file")->required();
  check
      ->add_option_function<std::string>(
          "--sha256", [verifying](const std::string& hex) { verifying->sha256 = hex; },
          "the digest that the file must have, in place of the one that was kept")
      ->type_name("HEX");
  check->callback([verifying, &action] { action = [verifying] { return run_verify(*verifying); }; });
}

}  // namespace blindbox::apps
#endif
