frappe.ui.form.on("Bank API Whitelabel", {
	refresh(frm) {
		show_logo(frm);
		if (frm.is_new() || !frm.perm[0].write) return;
		frm.add_custom_button(__("Choose Logo"), () => choose_logo(frm));
		if (frm.doc.logo) frm.add_custom_button(__("Remove Logo"), () => press_button(frm, "remove_logo").then(() => frm.reload_doc()));
	},
});

function show_logo(frm) {
	const wrapper = $(frm.get_field("logo_view").wrapper).empty();
	const label = $('<p class="control-label"></p>').text(__("Logo"));
	if (!frm.doc.logo) {
		const hint = frm.is_new() ? __("Save first, then choose a logo.") : __("A PNG, JPEG or WebP picture; it is made small enough for the pages.");
		return wrapper.append(label, $('<p class="text-muted small"></p>').text(hint));
	}
	wrapper.append(label, $('<img alt="">').attr("src", frm.doc.logo).css({ "max-height": "64px", "max-width": "100%" }));
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
