from django.urls import include, path

from . import errors, signin

urlpatterns = [
    path("login/", signin.login, name="login"),
    path("login/start/", signin.start, name="start"),
    path("login/callback/", signin.callback, name="callback"),
    path("logout/", signin.logout, name="logout"),
    path("", include("memberships.urls")),
]

handler400 = errors.bad_request
handler403 = errors.denied
handler404 = errors.not_found
handler500 = errors.server_error
