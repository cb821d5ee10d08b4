const PREVIEW = "bank_api.bank_api.doctype.bank_api_whitelabel.bank_api_whitelabel.preview";
const COLOR_FIELDS = ["primary_color", "on_primary_color", "background_color", "text_color"];
const LANGUAGES = ["English", "French", "Czech", "Portuguese (Brazil)", "Hebrew"];

const redraw = frappe.utils.debounce((frm) => draw_preview(frm), 400);
const events = Object.fromEntries([...COLOR_FIELDS, "font", "texts_add", "texts_remove"].map((name) => [name, redraw]));

frappe.ui.form.on("Bank API Whitelabel", {
	...events,
	refresh(frm) {
		show_logo(frm);
		draw_preview(frm);
		if (frm.is_new() || !frm.perm[0].write) return;
		frm.add_custom_button(__("Choose Logo"), () => choose_logo(frm));
		if (frm.doc.logo) frm.add_custom_button(__("Remove Logo"), () => press_button(frm, "remove_logo").then(() => frm.reload_doc()));
	},
});

frappe.ui.form.on("Bank API Whitelabel Text", Object.fromEntries(["language", "text_key", "text"].map((name) => [name, redraw])));

function show_logo(frm) {
	const wrapper = $(frm.get_field("logo_view").wrapper).empty();
	if (!frm.doc.logo) {
		const hint = frm.is_new() ? __("Save first, then choose a logo.") : __("A PNG, JPEG or WebP picture; it is made small enough for the pages.");
		return wrapper.append($('<p class="text-muted small"></p>').text(hint));
	}
	wrapper.append($('<img alt="">').attr("src", frm.doc.logo).css({ "max-height": "64px", "max-width": "100%" }));
}

function choose_logo(frm) {
	const input = $('<input type="file" accept="image/png,image/jpeg,image/webp">');
	input.on("change", () => {
		const file = input[0].files[0];
		if (!file) return;
		const reader = new FileReader();
		reader.onload = () => press_button(frm, "set_logo", { picture: reader.result }).then(() => frm.reload_doc());
		reader.readAsDataURL(file);
	});
	input.trigger("click");
}

// The page runs in a frame without any right: no scripts, no forms, no way up.
function draw_preview(frm) {
	const wrapper = $(frm.get_field("preview").wrapper);
	if (!wrapper.find("iframe").length) build_preview(frm, wrapper);
	frappe
		.call({
			method: PREVIEW,
			type: "POST",
			args: { values: JSON.stringify(frm.doc), language: wrapper.find("select").val() },
		})
		.then(({ message }) => {
			if (!message) return;
			wrapper.find("iframe").attr("srcdoc", message.html);
			wrapper.find(".bank-api-problems").text(message.problems.join(" ")).toggle(Boolean(message.problems.length));
		});
}

function build_preview(frm, wrapper) {
	const language = $('<select class="form-control input-sm" style="max-width: 220px; margin-bottom: 8px"></select>').attr("aria-label", __("Language"));
	LANGUAGES.forEach((name) => language.append($("<option></option>").val(name).text(__(name))));
	language.on("change", () => draw_preview(frm));
	const problems = $('<p class="bank-api-problems text-danger" role="status"></p>').hide();
	const frame = $('<iframe sandbox="" style="width: 100%; height: 560px; border: 1px solid var(--border-color); border-radius: 8px; background: #fff"></iframe>');
	wrapper.empty().append(language, problems, frame.attr("title", __("Preview")));
}
