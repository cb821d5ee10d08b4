// Added to the form scripts of our DocTypes (hooks.py, doctype_js).

// Call a method of the document on the server by its name. frm.call would send the whole document, and be refused
// when a background job has changed it since the form was opened.
function press_button(frm, method, args) {
	return frappe.call({
		method: "run_doc_method",
		type: "POST",
		freeze: true,
		args: { dt: frm.doctype, dn: frm.docname, method, args: args ? JSON.stringify(args) : undefined },
	});
}
